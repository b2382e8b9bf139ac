"""A distance on random windows."""

from __future__ import annotations

import torch
from torch import nn

from grain_codec.training.windows import DistanceOnWindows


class Seen(nn.Module):
    """Remembers what it is shown."""

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        self.one, self.other = one, other
        return (one - other).abs().mean((1, 2, 3))


def test_both_pictures_are_cut_at_the_same_random_place():
    picture, seen = torch.arange(2 * 3 * 40 * 50.0).reshape(2, 3, 40, 50), Seen()
    distance, corners = DistanceOnWindows(seen, 32), set()
    torch.manual_seed(0)
    for _ in range(8):
        assert torch.equal(distance(picture, picture), torch.zeros(2))
        assert seen.one.shape == (2, 3, 32, 32)
        corners.add(float(seen.one[0, 0, 0, 0]))
    assert len(corners) > 4


def test_a_picture_smaller_than_the_window_is_taken_whole():
    picture, seen = torch.rand(1, 3, 24, 24), Seen()
    DistanceOnWindows(seen, 32)(picture, picture + 1)
    assert torch.equal(seen.one, picture)
