"""A distance and an adversary on random windows."""

from __future__ import annotations

import torch
from torch import nn

from grain_codec.training.losses.windows import DistanceOnWindows, WindowAdversary, WindowDiscriminator


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


def test_the_discriminator_looks_at_patches():
    """A logit depends on nothing outside its patch."""
    torch.manual_seed(0)
    discriminator = WindowDiscriminator().eval()
    image = torch.rand(1, 3, 96, 96, requires_grad=True)
    logits = discriminator(image)
    assert logits.shape == (1, 1, 12, 12)
    logits[0, 0, 6, 6].backward()
    touched = image.grad.abs().sum((0, 1)).nonzero()
    assert (touched.max(0).values - touched.min(0).values + 1).tolist() == [40, 40]


def test_an_adversary_of_windows_learns_to_tell_a_grid_and_drives_it_out():
    torch.manual_seed(0)
    rows = torch.arange(96)
    grid = 0.3 * ((rows[:, None] + rows) % 2 * 2.0 - 1).expand(4, 3, 96, 96)
    real = 0.1 * torch.randn(4, 3, 96, 96)
    adversary = WindowAdversary(64, every=1)
    optimizer = torch.optim.Adam(adversary.parameters(), 2e-3)
    for _ in range(30):
        loss, figures = adversary(real, real + grid)
        assert figures == {}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7
    drawn = (real + grid).requires_grad_()
    adversary.generator_loss(real, drawn).backward()
    assert (drawn.grad * grid).sum() > 0
