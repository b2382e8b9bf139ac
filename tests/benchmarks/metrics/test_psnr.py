"""PSNR of a known error, and the thumbnail that LR images are compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from grain_codec.benchmarks.metrics.psnr import psnr, thumbnail_of


def test_psnr_of_a_known_error() -> None:
    one = np.zeros((4, 4, 3), np.uint8)
    assert psnr(one, one + 10) == pytest.approx(20 * math.log10(25.5))
    assert psnr(one, one) == math.inf


def test_the_thumbnail_averages() -> None:
    checks = np.zeros((64, 64, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200
    assert thumbnail_of(checks).shape == (16, 16, 3)
    assert np.abs(thumbnail_of(checks).astype(int) - 100).max() <= 2
