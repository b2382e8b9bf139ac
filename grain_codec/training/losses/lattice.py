"""Detail that a picture has at some places of every cell and not at others.

The decoder works in 16x16 cells, which have nothing to do with the content of a face: on average over many cells of
photographs, fine detail is as strong at one place of a cell as at any other. Networks that are trained against a
perceptual distance, however, learn marks that repeat, such as a dot in the middle of every other cell. The term here
counts repeated marks of any form.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.coding.grid import GRID

COARSEST_SCALE = 128  # Side in pixels of the coarsest scale at which detail is measured.
FLOOR = 1e-5  # Detail counts less where the power around it is below this: that of an error of 0.4 of 255 levels.
LEAST_SHARE = 1e-3  # Places with less than this share of the power around them count as empty.


def lattice_strength(pictures: Tensor) -> Tensor:
    """How unevenly detail is spread over the places of a cell.

    Detail is the difference of a pixel from the mean of the 3x3 pixels around it, in brightness and two colour
    differences, at every scale from the pictures' own to 128 px. It is divided by the power in the cells around, so
    that skin counts as much as hair.

    Args:
        pictures: `[B, 3, S, S]`, nominally in [-1, 1], S = 16 times a power of two.

    Returns:
        A scalar. At each place of a cell, detail is averaged over all cells of all pictures; the result is the
        variance over the places of the logarithm (base e) of these means, averaged over scales and planes. With few
        cells, chance alone makes it larger.
    """
    red, green, blue = pictures.float().unbind(1)
    planes = torch.stack([(red + green + blue) / 3, red - green, blue - green], 1)
    found = [_unevenness(planes)]
    while planes.shape[-1] > COARSEST_SCALE:
        planes = F.avg_pool2d(planes, 2)
        found.append(_unevenness(planes))
    return torch.stack(found).mean()


def _unevenness(planes: Tensor) -> Tensor:
    """`lattice_strength` at one scale, of planes `[B, C, S, S]`."""
    cell = planes.shape[-1] // GRID
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    power = (planes - F.avg_pool2d(padded, 3, 1)).square()
    # Means over columns and then over rows give the mean over a square in a fraction of the time.
    around = F.avg_pool2d(power, (2 * cell + 1, 1), 1, (cell, 0), count_include_pad=False)
    around = F.avg_pool2d(around, (1, 2 * cell + 1), 1, (0, cell), count_include_pad=False)
    places = F.pixel_unshuffle(power / (around + FLOOR), cell).mean((0, 2, 3)).view(planes.shape[1], -1)
    return (places + LEAST_SHARE).log().var(1).mean()
