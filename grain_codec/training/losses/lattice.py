"""Detail that a picture has at some places of every cell and not at others.

The decoder works in 16x16 cells, and a face knows nothing of them: averaged over many cells, what is fine
in a photograph is as strong at one place of a cell as at any other. Networks that are trained against a
perceptual distance, though, like to put a dot into the middle of every other cell. Whatever it is that they
put there, dot, hook or stroke, counts here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.coding.grid import GRID

COARSEST_SCALE = 128
"""Side in pixels of the coarsest picture whose detail is looked at."""

FLOOR = 1e-5
"""Power around a place below which detail counts less: that of 0.4 levels of 255."""

LEAST_SHARE = 1e-3
"""Share of the power around them below which places count as empty."""


def lattice_strength(pictures: Tensor) -> Tensor:
    """How unevenly detail is spread over the places of a cell.

    Detail is what differs from the mean of its 3x3 pixels, in brightness and two colour differences, at every
    scale from the pictures' own to 128 px. It counts by its share of the power in the cells around, so that skin
    counts as much as hair.

    Args:
        pictures: `[B, 3, S, S]`, nominally in [-1, 1], S = 16 times a power of two.

    Returns:
        A scalar, the mean over scales and planes of the variance, over the places of a cell, of the logarithm
        (base e) of the mean detail there, over all cells of all pictures. Chance alone gives it more the fewer
        these are.
    """
    red, green, blue = pictures.float().unbind(1)
    planes = torch.stack([(red + green + blue) / 3, red - green, blue - green], 1)
    found = [_unevenness(planes)]
    while planes.shape[-1] > COARSEST_SCALE:
        planes = F.avg_pool2d(planes, 2)
        found.append(_unevenness(planes))
    return sum(found) / len(found)


def _unevenness(planes: Tensor) -> Tensor:
    """`lattice_strength` at one scale, of planes `[B, C, S, S]`."""
    cell = planes.shape[-1] // GRID
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    power = (planes - F.avg_pool2d(padded, 3, 1)).square()
    # Two narrow means are one wide one, and take a fraction of its time.
    around = F.avg_pool2d(power, (2 * cell + 1, 1), 1, (cell, 0), count_include_pad=False)
    around = F.avg_pool2d(around, (1, 2 * cell + 1), 1, (0, cell), count_include_pad=False)
    places = F.pixel_unshuffle(power / (around + FLOOR), cell).mean((0, 2, 3)).view(planes.shape[1], -1)
    return (places + LEAST_SHARE).log().var(1).mean()
