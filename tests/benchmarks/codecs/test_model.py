"""Our models in a comparison: what is measured is what encode and decode do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grain_codec.benchmarks.codecs.model import ModelCodec
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.codec import Codec, load_model, low_resolution_image
from grain_codec.formats import container
from grain_codec.settings import DecodeSettings, EncodeSettings


@pytest.fixture(scope="module")
def shipped(codec: Codec) -> ModelCodec:
    return ModelCodec("face-1024", "face-1024")


def test_a_cap_is_kept_and_used(shipped: ModelCodec, codec: Codec, face: np.ndarray) -> None:
    files = shipped.best_under(face, 300)
    assert [coded.series for coded in files] == list(shipped.series)
    for coded in files:
        assert coded.data == codec.encode(face, EncodeSettings(max_bytes=300))
        assert 200 < len(coded.data) <= 300
        assert np.array_equal(coded.pixels, codec.decode(coded.data, DecodeSettings(output=coded.series.output)))
        assert coded.payload_bytes == len(container.unpack(coded.data).payload)
        assert np.array_equal(coded.low_resolution, low_resolution_image(coded.data))
        assert coded.encode_seconds > 0 and coded.decode_seconds > 0


def test_nothing_fits_in_a_few_bytes(shipped: ModelCodec, face: np.ndarray) -> None:
    assert shipped.best_under(face, 20) == []


def test_points_are_qualities(shipped: ModelCodec, codec: Codec, face: np.ndarray) -> None:
    assert shipped.points == ("q0", "q10", "q20", "q30", "q45", "q60", "q80", "q100")
    low, high = (shipped.at_point(face, point)[0] for point in (shipped.points[0], shipped.points[-1]))
    assert len(low.data) < len(high.data) and psnr(low.pixels, face) < psnr(high.pixels, face)
    assert low.data == codec.encode(face, EncodeSettings(quality=0))


def test_all_outputs_and_efforts_of_other_weights(small_weights: Path, small_face: np.ndarray) -> None:
    """Of weights with several outputs those that users decode to are a line each, from the same file."""
    codec = ModelCodec(str(small_weights), "small")
    outputs = ("fused", "rescaled")
    assert set(outputs) < set(load_model(str(small_weights)).outputs)
    assert codec.series == tuple(Series("small", output, 0) for output in outputs)
    assert codec.points == ("q100",)
    files = codec.at_point(small_face, "q100")
    assert len({coded.data for coded in files}) == 1
    assert len({coded.pixels.tobytes() for coded in files}) == len(outputs)
    assert all(name in codec.settings for name in outputs)
