"""SSIM and MS-SSIM of RGB pictures, in a form that a processor does quickly.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004:
a Gaussian window of 11x11 samples with sigma 1.5, K1 = 0.01, K2 = 0.03, windows that lie within the picture.
Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003: five scales, each
half the last, with the weights below. Both are computed for each channel, and the channels are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

WINDOW, SIGMA = 11, 1.5
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""Smaller pictures have no window left at the coarsest scale."""

_OUTPUTS_AT_ONCE = 32


@dataclass(frozen=True)
class Scale:
    """One scale of an original: samples, their local means and local mean squares, `[3, H, W]` each, 0 to 1."""

    samples: Tensor
    means: Tensor
    squares: Tensor


def scales_of(pixels: np.ndarray) -> list[Scale]:
    """An original uint8 `[H, W, 3]` at all scales, to be compared with many pictures."""
    samples = _samples(pixels)
    if min(samples.shape[1:]) < LEAST_SIDE:
        raise ValueError(f"MS-SSIM needs pictures of {LEAST_SIDE} pixels a side, not {list(pixels.shape)}")
    scales = []
    for _ in SCALE_WEIGHTS:
        scales.append(Scale(samples, blur(samples), blur(samples * samples)))
        samples = functional.avg_pool2d(samples, 2)
    return scales


def similarities(original: list[Scale], pixels: np.ndarray) -> tuple[float, float]:
    """SSIM and MS-SSIM of a picture uint8 `[H, W, 3]` with an original."""
    samples = _samples(pixels)
    contrasts = []
    ssim = None
    for scale in original:
        whole, contrast = _compare(scale, samples)
        ssim = whole if ssim is None else ssim
        contrasts.append(contrast)
        samples = functional.avg_pool2d(samples, 2)
    # At the coarsest scale the luminance counts too. A negative correlation has no fractional power.
    factors = torch.stack([*contrasts[:-1], whole]).clamp(min=0)
    ms_ssim = (factors ** torch.tensor(SCALE_WEIGHTS)[:, None]).prod(0)
    return float(ssim.mean()), float(ms_ssim.mean())


def _compare(scale: Scale, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Means over all windows, `[3]` each, of the similarity, and of its contrast and structure terms alone.

    A few rows at a time, which stay in the processor's cache through all steps.
    """
    height, width = scale.means.shape[1:]
    similarity, contrast = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for top in range(0, height, _OUTPUTS_AT_ONCE):
        seen = slice(top, top + _OUTPUTS_AT_ONCE + WINDOW - 1)
        original, strip = scale.samples[:, seen], samples[:, seen]
        of_original = scale.means[:, top : top + _OUTPUTS_AT_ONCE]
        means, products, squares = blur(torch.cat([strip, original * strip, strip * strip])).split(3)
        mean_product, mean_squares = of_original * means, of_original**2 + means**2
        covariance = products - mean_product
        variances = scale.squares[:, top : top + _OUTPUTS_AT_ONCE] + squares - mean_squares
        terms = (2 * covariance + CONTRAST_CONSTANT) / (variances + CONTRAST_CONSTANT)
        luminance = (2 * mean_product + LUMINANCE_CONSTANT) / (mean_squares + LUMINANCE_CONSTANT)
        contrast += terms.sum((1, 2))
        similarity += (luminance * terms).sum((1, 2))
    return (similarity / (height * width)).float(), (contrast / (height * width)).float()


def blur(maps: Tensor) -> Tensor:
    """Gaussian means of `[C, H, W]` over all windows that lie within: `[C, H - 10, W - 10]`.

    A convolution with 11 taps is bound by memory; as a product with a banded matrix, a few rows or columns at a
    time, it takes a tenth of the time.
    """
    height, width = maps.shape[1] - WINDOW + 1, maps.shape[2] - WINDOW + 1
    band = _band()
    columns, blurred = maps.new_empty(len(maps), height, maps.shape[2]), maps.new_empty(len(maps), height, width)
    for top in range(0, height, _OUTPUTS_AT_ONCE):
        rows = min(_OUTPUTS_AT_ONCE, height - top)
        columns[:, top : top + rows] = band[:rows, : rows + WINDOW - 1] @ maps[:, top : top + rows + WINDOW - 1]
    for left in range(0, width, _OUTPUTS_AT_ONCE):
        count = min(_OUTPUTS_AT_ONCE, width - left)
        taps = band[:count, : count + WINDOW - 1].T
        blurred[:, :, left : left + count] = columns[:, :, left : left + count + WINDOW - 1] @ taps
    return blurred


@lru_cache(maxsize=1)
def _band() -> Tensor:
    """The window's weights, shifted by one from row to row."""
    distances = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(distances**2) / (2 * SIGMA**2))
    band = torch.zeros(_OUTPUTS_AT_ONCE, _OUTPUTS_AT_ONCE + WINDOW - 1)
    for row in range(_OUTPUTS_AT_ONCE):
        band[row, row : row + WINDOW] = weights / weights.sum()
    return band


def _samples(pixels: np.ndarray) -> Tensor:
    """uint8 `[H, W, 3]` as `[3, H, W]` from 0 to 1."""
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
