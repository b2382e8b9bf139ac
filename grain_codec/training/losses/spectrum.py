"""Power that a picture has where the face has none, by place and frequency.

Networks that are trained against a perceptual distance learn regular patterns that lower it, in brightness and in
colour. Such a pattern is a peak in the spectrum of every window that it covers, most of all where the face is smooth.
The pattern decides how large a window has to be: the peaks of a dot that repeats in each of the model's 16x16 cells
are apart only in the spectrum of a window of several cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 32  # Usual side of a window in pixels; windows overlap by half.

NEIGHBOURHOOD = 3
"""Power is averaged over this many windows in each direction, since that of a single window varies by chance."""

FLOOR = 0.02
"""Power in a usual window below which differences do not count: that of noise with a standard deviation of 1.5 of 255
levels."""


def excess_power(picture: Tensor, face: Tensor, window: int = WINDOW) -> Tensor:
    """How far a picture's local spectra exceed the face's.

    Args:
        picture, face: `[B, 3, S, S]`, nominally in [-1, 1], S at least twice the window.
        window: side in pixels.

    Returns:
        `[B]`, the mean square of the positive part of the logarithm (base e) of the ratio of the two powers.
    """
    # White noise has power in proportion to a window's area.
    floor = FLOOR * (window / WINDOW) ** 2
    ratio = torch.log((_local_power(picture, window) + floor) / (_local_power(face, window) + floor))
    return ratio.relu().square().mean((1, 2, 3))


def _local_power(image: Tensor, window: int) -> Tensor:
    """Power of brightness and two colour differences, `[B, 3, S, S]` -> `[B, 3 * frequencies, P, P]` (Welch 1967)."""
    red, green, blue = image.float().unbind(1)
    planes = torch.stack([(red + green + blue) / 3, red - green, blue - green], 1)
    taper = torch.hann_window(window, device=image.device)
    windows = planes.unfold(2, window, window // 2).unfold(3, window, window // 2)
    spectra = torch.fft.rfft2(windows * taper[:, None] * taper)
    power = (spectra.real.square() + spectra.imag.square()).permute(0, 1, 4, 5, 2, 3).flatten(1, 3)
    return F.avg_pool2d(power, NEIGHBOURHOOD, stride=1)
