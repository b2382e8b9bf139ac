"""SSIM and MS-SSIM of RGB pictures, in a form that a processor does quickly.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004:
a Gaussian window of 11x11 samples with sigma 1.5, K1 = 0.01, K2 = 0.03, windows that lie within the picture.
Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003: five scales, each
half the last, with the weights below. Both are computed for each channel, and the channels are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST_SIDE = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)
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
        samples = _halved(samples)
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
        samples = _halved(samples)
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
    maps = samples.new_empty(9, _OUTPUTS_AT_ONCE + WINDOW - 1, samples.shape[2])
    for top in range(0, height, _OUTPUTS_AT_ONCE):
        rows = slice(top, min(top + _OUTPUTS_AT_ONCE, height))
        seen = slice(top, rows.stop + WINDOW - 1)
        strip = samples[:, seen]
        looked_at = maps[:, : strip.shape[1]]
        looked_at[:3] = strip
        torch.mul(scale.samples[:, seen], strip, out=looked_at[3:6])
        torch.mul(strip, strip, out=looked_at[6:])
        whole, terms = _similarity(scale.means[:, rows], scale.squares[:, rows], *_blur_strip(looked_at).split(3))
        similarity += whole
        contrast += terms
    return (similarity / (height * width)).float(), (contrast / (height * width)).float()


def _similarity(
    original_means: Tensor, original_squares: Tensor, means: Tensor, products: Tensor, squares: Tensor
) -> tuple[Tensor, Tensor]:
    """Sums over windows, `[3]` each, as `_compare` gives their means; all arguments are local means `[3, H, W]`."""
    mean_product = original_means * means
    mean_squares = torch.addcmul(original_means * original_means, means, means)
    covariance = products - mean_product
    variances = (original_squares + squares).sub_(mean_squares)
    terms = covariance.mul_(2).add_(CONTRAST_CONSTANT).div_(variances.add_(CONTRAST_CONSTANT))
    luminance = mean_product.mul_(2).add_(LUMINANCE_CONSTANT).div_(mean_squares.add_(LUMINANCE_CONSTANT))
    return luminance.mul_(terms).sum((1, 2)), terms.sum((1, 2))


def blur(maps: Tensor) -> Tensor:
    """Gaussian means of `[C, H, W]` over all windows that lie within: `[C, H - 10, W - 10]`."""
    height = maps.shape[1] - WINDOW + 1
    tops = range(0, height, _OUTPUTS_AT_ONCE)
    return torch.cat([_blur_strip(maps[:, top : top + _OUTPUTS_AT_ONCE + WINDOW - 1]) for top in tops], 1)


def _blur_strip(maps: Tensor) -> Tensor:
    """`blur` of at most `_OUTPUTS_AT_ONCE` rows of windows.

    A convolution with 11 taps is bound by memory; as a product with a banded matrix, here of all rows and then of
    columns in blocks that overlap, it takes a tenth of the time.
    """
    height, width = maps.shape[1] - WINDOW + 1, maps.shape[2] - WINDOW + 1
    band = _band()
    blocks = math.ceil(width / _OUTPUTS_AT_ONCE)
    columns = maps.new_zeros(len(maps), height, blocks * _OUTPUTS_AT_ONCE + WINDOW - 1)
    columns[:, :, : maps.shape[2]] = band[:height, : maps.shape[1]] @ maps
    overlapping = columns.unfold(2, _OUTPUTS_AT_ONCE + WINDOW - 1, _OUTPUTS_AT_ONCE)
    blurred = overlapping.reshape(-1, overlapping.shape[-1]) @ band.T
    return blurred.view(len(maps), height, -1)[:, :, :width]


def _halved(samples: Tensor) -> Tensor:
    """Means of 2x2 samples, `[C, H, W]` -> `[C, H // 2, W // 2]`: `avg_pool2d`, several times as fast."""
    rows, columns = samples.shape[1] // 2 * 2, samples.shape[2] // 2 * 2
    pairs = samples[:, 0:rows:2, :columns] + samples[:, 1:rows:2, :columns]
    return (pairs[..., 0::2] + pairs[..., 1::2]).mul_(0.25)


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
