"""The floor of a comparison."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks import packages
from grain_codec.benchmarks.codecs.placeholders import Bicubic16, BlurHash
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.benchmarks.packages import PackageMissing


def test_bicubic_is_the_thumbnail_enlarged(face: np.ndarray) -> None:
    codec = Bicubic16()
    (coded,) = codec.at_point(face, "raw")
    thumbnail = Image.fromarray(face).resize((16, 16), Image.Resampling.BICUBIC)
    assert coded.data == thumbnail.tobytes() and len(coded.data) == coded.payload_bytes == 768
    assert np.array_equal(coded.pixels, np.asarray(thumbnail.resize((1024, 1024), Image.Resampling.BICUBIC)))
    assert codec.best_under(face, 768) and not codec.best_under(face, 767)


def test_blurhash_grows_with_its_components(face: np.ndarray) -> None:
    """4 + 2 x components letters, by its specification, and two more for the size and the largest one."""
    pytest.importorskip("blurhash")
    codec = BlurHash()
    files = [codec.at_point(face, point)[0] for point in codec.points]
    assert [len(coded.data) for coded in files] == [6 + 2 * (count - 1) for count in (16, 36, 81)]
    distances = [psnr(coded.pixels, face) for coded in files]
    assert distances == sorted(distances) and distances[0] > 10


def test_blurhash_under_a_cap_is_the_nearest_that_fits(face: np.ndarray) -> None:
    pytest.importorskip("blurhash")
    assert [coded.setting for coded in BlurHash().best_under(face, 100)] == ["6x6"]
    assert not BlurHash().best_under(face, 35)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(PackageMissing, match=r'pip install .*"blurhash'):
        BlurHash()
