"""Symbols to payload and back with made tables, and the integer context that steers the coder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grain_codec.errors import Corrupt, WrongModel
from grain_codec.models.face1024.contexts import CELLS, CLASSES, EXPECTED_UNIT, expected_magnitude, ratio_class
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import Face1024Symbols, SymbolCoder, SymbolTables, interpolate_anchors
from grain_codec.training.face1024.tables import anchor_qualities, fit_tables

SPEC = Face1024Spec(thumbnail_components=40, detail_components=6)


def made_levels(count: int, scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Laplacian levels whose magnitude varies from face to face, as real ones do."""
    generator = np.random.default_rng(seed)
    busy = generator.uniform(0.3, 2, (count, 1, 1)) * scale
    thumbnail = generator.laplace(0, 4 * scale, (count, SPEC.thumbnail_components)).round().astype(np.int64)
    details = generator.laplace(0, 1, (count, CELLS, SPEC.detail_components)) * busy
    return thumbnail, details.round().astype(np.int64)


@pytest.fixture(scope="module")
def tables() -> SymbolTables:
    qualities = anchor_qualities(SPEC)
    levels = [made_levels(40, 0.2 * 2 ** (quality / 16), quality) for quality in qualities]
    return fit_tables([thumbnail for thumbnail, _ in levels], [details for _, details in levels])


@pytest.fixture(scope="module")
def coder(tables: SymbolTables) -> SymbolCoder:
    return SymbolCoder(SPEC, tables)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, SPEC.fine_qualities - 1), st.floats(0, 3), st.integers(0, 2**32 - 1))
def test_symbols_come_back(coder: SymbolCoder, fine_quality: int, scale: float, seed: int):
    thumbnail, details = (levels[0] for levels in made_levels(1, scale, seed))
    symbols = Face1024Symbols(thumbnail, details, fine_quality)
    back = coder.decode(coder.encode(symbols), fine_quality)
    assert np.array_equal(back.thumbnail, thumbnail)
    assert np.array_equal(back.details, details)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, SPEC.fine_qualities - 1), st.integers(0, 2**32 - 1))
def test_payload_is_within_two_bytes_of_the_ideal(coder: SymbolCoder, fine_quality: int, seed: int):
    thumbnail, details = (levels[0] for levels in made_levels(1, 0.4, seed))
    symbols = Face1024Symbols(thumbnail, details, fine_quality)
    assert len(coder.encode(symbols)) < coder.ideal_bits(symbols) / 8 + 2


def test_the_bits_of_every_magnitude_hold_those_of_the_face(coder: SymbolCoder):
    thumbnail, details = (levels[0] for levels in made_levels(1, 0.4, 3))
    symbols = Face1024Symbols(thumbnail, details, 24)
    count = 1 + max(np.abs(thumbnail).max(), np.abs(details).max())
    *tables, whole = coder.magnitude_bits(symbols, count)
    magnitudes = np.abs(thumbnail), np.abs(details)
    found = [np.take_along_axis(table, each[..., None], -1).sum() for table, each in zip(tables, magnitudes)]
    assert sum(found) == pytest.approx(whole) == pytest.approx(coder.ideal_bits(symbols))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40))
def test_foreign_payloads_are_canonical_or_refused(coder: SymbolCoder, payload: bytes):
    try:
        symbols = coder.decode(payload, 20)
    except Corrupt:
        return
    assert coder.encode(symbols) == payload


def test_context_saves_bytes_on_faces_of_uneven_busyness(tables: SymbolTables, coder: SymbolCoder):
    flat = replace(tables, detail_context=np.zeros_like(tables.detail_context))
    thumbnail, details = made_levels(20, 0.2 * 2 ** (24 / 16), 99)
    with_context, without = (
        sum(one.ideal_bits(Face1024Symbols(thumbnail[i], details[i], 24)) for i in range(20))
        for one in (coder, SymbolCoder(SPEC, flat))
    )
    assert with_context < 0.98 * without


def test_expected_magnitudes_are_octaves():
    """Index 72 is nine octaves above the least of 2^-9: one level. Eight indices are one octave."""
    assert expected_magnitude(np.array([72, 80, 64])).tolist() == [EXPECTED_UNIT, 2 * EXPECTED_UNIT, EXPECTED_UNIT // 2]


def test_anchors_are_interpolated():
    anchors = np.array([[0], [8], [40]], np.uint8)
    assert [int(interpolate_anchors(anchors, quality)[0]) for quality in (0, 4, 8, 12)] == [0, 4, 8, 24]


def test_ratio_classes_rise_from_quiet_to_busy():
    expected = np.int64(100 * EXPECTED_UNIT)
    found = np.array([0, 30, 50, 70, 100, 150, 200, 400]) * EXPECTED_UNIT
    assert ratio_class(found, expected).tolist() == list(range(CLASSES))


@pytest.mark.parametrize(
    "broken",
    [
        {"thumbnail_context": np.zeros(3, np.int8)},
        {"detail_scales": np.zeros((1, 2, 3), np.uint8)},
        {"cumulative": np.zeros((64, 17), np.int32)},
    ],
)
def test_unusable_tables_are_refused(tables: SymbolTables, broken: dict):
    with pytest.raises(WrongModel):
        SymbolCoder(SPEC, replace(tables, **broken))
