"""Power that a picture has and the face has not, by place and frequency.

Networks that are trained against a perceptual distance learn fine regular patterns that please it. Such a
pattern is a peak in the spectrum of every small window that it covers, most of all where the face is smooth.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 16
"""Side of a window in pixels; windows overlap by half."""

NEIGHBOURHOOD = 5
"""Windows a side whose power is averaged, for a single window's spectrum is mostly chance."""

FLOOR = 1e-3
"""Power of a window and frequency below which nothing is seen, of samples in [-1, 1]; that of a ripple of 0.6/255."""


def excess_power(picture: Tensor, face: Tensor) -> Tensor:
    """How far a picture's local spectra exceed the face's.

    Args:
        picture, face: `[B, 3, S, S]`, nominally in [-1, 1], S at least 48.

    Returns:
        `[B]`, the mean square of the positive part of the logarithm (base e) of the ratio of both powers.
    """
    ratio = torch.log((_local_power(picture) + FLOOR) / (_local_power(face) + FLOOR))
    return ratio.relu().square().mean((1, 2, 3))


def _local_power(image: Tensor) -> Tensor:
    """Power of the luminance, `[B, 3, S, S]` -> `[B, frequencies, places, places]` (Welch 1967)."""
    luminance = image.float().mean(1, keepdim=True)
    taper = torch.hann_window(WINDOW, device=image.device)
    windows = luminance.unfold(2, WINDOW, WINDOW // 2).unfold(3, WINDOW, WINDOW // 2)[:, 0]
    spectra = torch.fft.rfft2(windows * taper[:, None] * taper)
    power = (spectra.real.square() + spectra.imag.square()).flatten(3).movedim(3, 1)
    return F.avg_pool2d(power, NEIGHBOURHOOD, stride=2)
