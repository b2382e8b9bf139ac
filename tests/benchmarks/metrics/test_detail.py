"""The contrast that pictures keep, octave by octave."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.metrics.detail import contrasts, kept, middle


def waves(period: int, strength: float = 40.0) -> np.ndarray:
    """A grey picture of 1024 px whose rows are a wave of so many pixels."""
    line = 128 + strength * np.sin(2 * np.pi * np.arange(1024) / period)
    return np.broadcast_to(line[None, :, None], (1024, 1024, 3)).round().astype(np.uint8)


@pytest.mark.parametrize(("period", "lines"), [(3, 1024), (6, 512), (12, 256), (24, 128)])
def test_a_wave_shows_in_its_own_octave(period: int, lines: int) -> None:
    found = contrasts(waves(period))
    assert max(found, key=lambda column: found[column]) == f"detail_{lines}"
    assert found[f"detail_{lines}"] == pytest.approx(40 / 2**0.5, rel=0.2)


def test_equal_pictures_keep_everything_and_fainter_ones_their_share() -> None:
    of_original = contrasts(waves(6))
    assert kept(waves(6), of_original)["detail_512"] == 1
    assert kept(waves(6, 20.0), of_original)["detail_512"] == pytest.approx(0.5, rel=0.05)


def test_a_shrunk_picture_loses_the_octaves_above_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    shrunk = Image.fromarray(noise).resize((256, 256), Image.Resampling.BOX)
    found = kept(np.asarray(shrunk.resize((1024, 1024), Image.Resampling.BICUBIC)), contrasts(noise))
    assert found["detail_1024"] < 0.1 and found["detail_512"] < 0.2 and 0.5 < found["detail_128"] < 1.3


def test_only_the_middle_of_the_face_counts() -> None:
    framed = waves(6)
    framed[300:812, 256:768] = 128
    assert contrasts(framed)["detail_1024"] < 1
    assert middle(framed).shape == (512, 512, 3)
