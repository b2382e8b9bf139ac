"""Peak signal-to-noise ratio, and the thumbnail that LR images are compared with."""

import math

import numpy as np
from PIL import Image

from grain_codec.codec import Pixels
from grain_codec.coding.grid import GRID


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures of equal shape, over all their samples.

    10 log10(255^2 / mean squared error); infinite for equal pictures.
    """
    # Exact: no square exceeds 65025, and integers of 64 bits hold the sum over any picture.
    difference = np.subtract(one, other, dtype=np.int32)
    error = float(np.sum(difference * difference, dtype=np.int64)) / difference.size
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def thumbnail_of(pixels: Pixels) -> Pixels:
    """The antialiased (bicubic) downscale uint8 `[16, 16, 3]` of a picture uint8 `[S, S, 3]`."""
    return np.asarray(Image.fromarray(pixels).resize((GRID, GRID), Image.Resampling.BICUBIC))
