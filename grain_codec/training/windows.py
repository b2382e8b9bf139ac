"""A distance on windows of pictures, for machines on which whole pictures cost too much."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DistanceOnWindows(nn.Module):
    """A distance between one random window of two pictures."""

    def __init__(self, distance: nn.Module, size: int):
        """`distance` maps two `[B, 3, S, S]` to `[B]`; `size` is the window's side in pixels."""
        super().__init__()
        self.distance, self.size = distance, size

    # Compiled, every new place of the window would be compiled anew.
    @torch.compiler.disable
    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two `[B, 3, H, W]` -> `[B]`; smaller pictures are taken whole."""
        window = (..., _span(one.shape[-2], self.size), _span(one.shape[-1], self.size))
        return self.distance(one[window], other[window])


def _span(length: int, size: int) -> slice:
    """A random stretch of `size` samples."""
    start = int(torch.randint(0, max(1, length - size + 1), ()))
    return slice(start, start + size)
