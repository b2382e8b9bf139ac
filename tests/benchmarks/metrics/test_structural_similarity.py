"""SSIM and MS-SSIM have the definition that the reports state."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.metrics.structural_similarity import LEAST_SIDE, ms_ssim, ssim


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
    assert ssim(one, other) == pytest.approx(expected, abs=2e-5)


def test_golden_values(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Of an implementation of the two papers that shares no code with the package."""
    one, other = (picture[:176, :192] for picture in pair)
    assert ssim(one, other) == pytest.approx(0.708597, abs=1e-4)
    assert ms_ssim(one, other) == pytest.approx(0.882960, abs=1e-4)


def test_similarities_of_flat_pictures_follow_the_formula() -> None:
    """Without variance only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1)."""
    one, other = (np.full((180, 180, 3), level, np.uint8) for level in (51, 102))
    expected = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    assert ssim(one, other) == pytest.approx(expected, abs=1e-4)
    assert ms_ssim(one, other) == pytest.approx(expected**0.1333, abs=1e-3)


def test_equal_pictures(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert (ssim(pair[0], pair[0]), ms_ssim(pair[0], pair[0])) == pytest.approx((1, 1), abs=1e-6)


def test_opposite_pictures_have_no_fractional_power_of_a_negative_number() -> None:
    one = np.random.default_rng(0).integers(0, 256, (180, 180, 3), np.uint8)
    assert ssim(one, 255 - one) < 0 and ms_ssim(one, 255 - one) == 0


def test_pictures_without_a_window_at_the_coarsest_scale_are_refused() -> None:
    smallest, smaller = (np.zeros((side, 300, 3), np.uint8) for side in (LEAST_SIDE, LEAST_SIDE - 1))
    assert ms_ssim(smallest, smallest) == pytest.approx(1)
    with pytest.raises(ValueError, match="pixels a side"):
        ms_ssim(smaller, smaller)
