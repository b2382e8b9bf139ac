"""SSIM and MS-SSIM are those of independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from grain_codec.benchmarks.metrics.structural_similarity import LEAST_SIDE, blur, scales_of, similarities
from PIL import Image


@pytest.fixture(scope="module")
def pair(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A face at an odd size, and what is left of it through 24x24."""
    one = Image.fromarray(face).resize((202, 190), Image.Resampling.LANCZOS)
    return np.array(one), np.array(one.resize((24, 24)).resize(one.size))


def test_ssim_is_that_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    one, other = pair
    expected = metrics.structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert similarities(scales_of(one), other)[0] == pytest.approx(expected, abs=2e-5)


def test_both_are_those_of_pytorch_msssim(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference = pytest.importorskip("pytorch_msssim")
    # Its halving pads odd sides, ours drops the last row: these sides can be halved four times.
    one, other = (picture[:176, :192] for picture in pair)
    tensors = [torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float64)) for picture in (one, other)]
    ssim, ms_ssim = similarities(scales_of(one), other)
    assert ssim == pytest.approx(float(reference.ssim(*tensors, data_range=255)), abs=2e-5)
    assert ms_ssim == pytest.approx(float(reference.ms_ssim(*tensors, data_range=255)), abs=2e-5)


def test_ssim_of_flat_pictures_follows_the_formula() -> None:
    """Without variance only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1)."""
    one, other = (np.full((180, 180, 3), level, np.uint8) for level in (51, 102))
    expected = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    ssim, ms_ssim = similarities(scales_of(one), other)
    assert ssim == pytest.approx(expected, abs=1e-4)
    assert ms_ssim == pytest.approx(expected**0.1333, abs=1e-3)


def test_equal_pictures(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert similarities(scales_of(pair[0]), pair[0]) == pytest.approx((1, 1), abs=1e-6)


def test_opposite_pictures_have_no_fractional_power_of_a_negative_number() -> None:
    one = np.random.default_rng(0).integers(0, 256, (180, 180, 3), np.uint8)
    ssim, ms_ssim = similarities(scales_of(one), 255 - one)
    assert ssim < 0 and ms_ssim == 0


def test_blur_is_a_convolution_with_a_gaussian() -> None:
    maps = torch.rand(2, 100, 75, generator=torch.Generator().manual_seed(0))
    taps = torch.exp(-(torch.arange(-5, 6) ** 2) / 4.5)
    window = torch.outer(taps, taps) / taps.sum() ** 2
    expected = torch.nn.functional.conv2d(maps[:, None], window[None, None])[:, 0]
    assert torch.allclose(blur(maps), expected, atol=1e-5)


def test_pictures_without_a_window_at_the_coarsest_scale_are_refused() -> None:
    scales_of(np.zeros((LEAST_SIDE, LEAST_SIDE, 3), np.uint8))
    with pytest.raises(ValueError, match="pixels a side"):
        scales_of(np.zeros((LEAST_SIDE - 1, 300, 3), np.uint8))
