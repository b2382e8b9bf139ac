"""Marks that repeat from cell to cell, which perceptual distances hardly notice and people see at once.

Generators that enlarge feature maps step by step tend to weave a pattern of 2, 4 or 8 pixels into skin and irises.
"""

import torch.nn.functional as F
from torch import Tensor

CELL = 8  # Side in pixels of a cell; marks of every period that divides it are found.
NEIGHBOURS = 4  # Side in cells of the squares over which marks are averaged.
FLOOR = 1e-6  # Power below which a mark does not count: that of an error of a quarter of 255 levels.


def repetition(pictures: Tensor) -> Tensor:
    """The strength of what the cells of each neighbourhood have in common beyond their smooth content.

    Args:
        pictures: `[B, C, H, W]` in [0, 1]; their sides are multiples of CELL.

    Returns:
        `[B, H / CELL / 2 - 1, W / CELL / 2 - 1]`, one for each neighbourhood; they overlap by half. Detail, the
        difference of a pixel from the mean of the 9x9 pixels around it, is averaged over the cells at each place of a
        cell; the strength is the root mean square over the places.
    """
    around = F.avg_pool2d(F.pad(pictures, (4, 4, 4, 4), mode="reflect"), 9, 1)
    places = F.pixel_unshuffle(pictures - around, CELL)
    common = F.avg_pool2d(places, NEIGHBOURS, NEIGHBOURS // 2)
    return (common.square().mean(1) + FLOOR).sqrt()


def excess_repetition(drawn: Tensor, real: Tensor) -> Tensor:
    """How much more repetition drawn pictures have than real ones in the same place; a scalar."""
    return F.relu(repetition(drawn) - repetition(real)).mean()
