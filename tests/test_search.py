"""The encoder-side search: nearer in no more bytes, and never worse."""

from __future__ import annotations

import numpy as np
import pytest

from grain_codec.codec import MOST_EFFORT, Codec
from grain_codec.search import CLIMBS


def squared_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one.astype(float) - other).mean())


def test_effort_never_takes_fewer_steps():
    assert len(CLIMBS) == MOST_EFFORT + 1 and list(CLIMBS) == sorted(CLIMBS)


@pytest.mark.slow
def test_it_comes_nearer_under_the_same_cap(codec: Codec, face: np.ndarray):
    quick, searched = (codec.encode_face(face, max_bytes=300, effort=effort) for effort in (0, 2))
    assert len(searched) <= 300
    assert squared_error(codec.decode_face(searched), face) < squared_error(codec.decode_face(quick), face)


def test_at_a_quality_it_takes_no_more_bytes(codec: Codec, face: np.ndarray):
    quick, searched = (codec.encode_face(face, quality=2, effort=effort) for effort in (0, 1))
    assert len(searched) <= len(quick)
    assert squared_error(codec.decode_face(searched), face) <= squared_error(codec.decode_face(quick), face) * 1.001
