"""SSIM and MS-SSIM of RGB pictures, by the package pytorch-msssim.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004:
a Gaussian window of 11x11 samples with sigma 1.5, K1 = 0.01, K2 = 0.03, windows that lie within the picture, samples
from 0 to 255. Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003: five
scales, each half the last. Both are computed for each channel, and the channels are averaged.
"""

import numpy as np
import pytorch_msssim
import torch
from torch import Tensor

from grain_codec.codec import Pixels

REDUCTION = 2**4  # A side of the finest scale over that of the coarsest.
LEAST_SIDE = 11 * REDUCTION  # Smaller pictures have no window left at the coarsest of the five scales.


def ssim(one: Pixels, other: Pixels) -> float:
    """SSIM of two pictures uint8 `[H, W, 3]`."""
    with torch.inference_mode():
        return float(pytorch_msssim.ssim(_samples(one), _samples(other), data_range=255))


def ms_ssim(one: Pixels, other: Pixels) -> float:
    """MS-SSIM of two pictures uint8 `[H, W, 3]`; a scale at which they are correlated negatively counts as 0.

    Rows and columns after the last multiple of 16 are left out, since the package would pad odd sides with black.

    Raises:
        ValueError: a side is shorter than LEAST_SIDE.
    """
    if min(one.shape[:2]) < LEAST_SIDE:
        raise ValueError(f"MS-SSIM needs pictures of {LEAST_SIDE} pixels a side, not {list(one.shape)}")
    height, width = (side - side % REDUCTION for side in one.shape[:2])
    with torch.inference_mode():
        samples = (_samples(picture[:height, :width]) for picture in (one, other))
        return float(pytorch_msssim.ms_ssim(*samples, data_range=255))


def _samples(pixels: Pixels) -> Tensor:
    """uint8 `[H, W, 3]` as float32 `[1, 3, H, W]`, channels last in memory, which is twice as fast on a CPU."""
    return torch.from_numpy(pixels[None].astype(np.float32)).permute(0, 3, 1, 2)
