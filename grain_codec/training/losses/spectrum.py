"""Regular patterns of any period and direction, found as peaks in the local spectra of drawn pictures.

Perceptual distances hardly notice a fine weave or honeycomb, and people see it at once. It concentrates its power at a
few frequencies, where a photograph spreads it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 32  # Side in pixels of the windows whose spectra are taken; neighbours overlap by half.
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601.
LEAST_FREQUENCY = 3  # In cycles per window; the lower ones are structure.
TOLERANCE = 0.7  # Logarithm (base e) of how much more power than the photograph's is no peak yet.
FLOOR = 1e-3  # Power that is added to both, so that very faint patterns do not count.


def excess_peaks(drawn: Tensor, real: Tensor) -> Tensor:
    """How far single frequencies of drawn pictures stand out from those of photographs.

    Args:
        drawn, real: `[B, 3, H, W]` in [0, 1], with sides of at least two windows.

    Returns:
        A scalar: the mean over places and frequencies of the logarithm of drawn over real power, as far as it exceeds
        TOLERANCE. The real power is averaged over neighbouring frequencies, which leaves no gaps in it.
    """
    around = F.avg_pool2d(F.pad(_power(real), (1, 1, 1, 1), mode="replicate"), 3, 1)
    excess = F.relu(((_power(drawn) + FLOOR) / (around + FLOOR)).log() - TOLERANCE)
    rows = torch.arange(WINDOW, device=drawn.device)[:, None] - WINDOW // 2
    columns = torch.arange(WINDOW // 2 + 1, device=drawn.device)
    return (excess * ((rows**2 + columns**2).float().sqrt() > LEAST_FREQUENCY)).mean()


def _power(pictures: Tensor) -> Tensor:
    """Power spectra, averaged over 3x3 windows: `[places, 1, WINDOW, WINDOW / 2 + 1]`, vertical frequency 0 midway."""
    weights = pictures.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    luminance = (pictures.float() * weights).sum(1, keepdim=True)
    rows, columns = (side // (WINDOW // 2) - 1 for side in luminance.shape[-2:])
    windows = F.unfold(luminance, WINDOW, stride=WINDOW // 2).transpose(1, 2).unflatten(2, (WINDOW, WINDOW))
    taper = torch.hann_window(WINDOW, device=pictures.device)
    spectra = torch.fft.rfft2((windows - windows.mean((2, 3), keepdim=True)) * taper[:, None] * taper)
    power = spectra.abs().square().flatten(2).transpose(1, 2).unflatten(2, (rows, columns))
    averaged = F.avg_pool2d(power, 3, 1).flatten(2).transpose(1, 2).reshape(-1, 1, WINDOW, WINDOW // 2 + 1)
    return torch.roll(averaged, WINDOW // 2, 2)
