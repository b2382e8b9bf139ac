"""Power that a picture has and the face has not, by place and frequency.

Networks that are trained against a perceptual distance learn regular patterns that please it, in brightness
and in colour. Such a pattern is a peak in the spectrum of every window that it covers, most of all where the
face is smooth.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 32
"""Side of a window in pixels; windows overlap by half."""

NEIGHBOURHOOD = 3
"""Windows a side whose power is averaged, for a single window's spectrum is mostly chance."""

FLOOR = 0.02
"""Power below which nothing is seen: that of noise with a standard deviation of 1.5 levels of 255."""


def excess_power(picture: Tensor, face: Tensor) -> Tensor:
    """How far a picture's local spectra exceed the face's.

    Args:
        picture, face: `[B, 3, S, S]`, nominally in [-1, 1], S at least 64.

    Returns:
        `[B]`, the mean square of the positive part of the logarithm (base e) of the ratio of both powers.
    """
    ratio = torch.log((_local_power(picture) + FLOOR) / (_local_power(face) + FLOOR))
    return ratio.relu().square().mean((1, 2, 3))


def _local_power(image: Tensor) -> Tensor:
    """Power of brightness and two colour differences, `[B, 3, S, S]` -> `[B, 3 * frequencies, P, P]` (Welch 1967)."""
    red, green, blue = image.float().unbind(1)
    planes = torch.stack([(red + green + blue) / 3, red - green, blue - green], 1)
    taper = torch.hann_window(WINDOW, device=image.device)
    windows = planes.unfold(2, WINDOW, WINDOW // 2).unfold(3, WINDOW, WINDOW // 2)
    spectra = torch.fft.rfft2(windows * taper[:, None] * taper)
    power = (spectra.real.square() + spectra.imag.square()).permute(0, 1, 4, 5, 2, 3).flatten(1, 3)
    return F.avg_pool2d(power, NEIGHBOURHOOD, stride=1)
