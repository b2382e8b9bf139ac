"""Fits the entropy coder's tables to the levels that an encoder gives on training faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from grain_codec.coding.level_coder import ALPHABET, TOTAL_BITS
from grain_codec.models.face1024.contexts import (
    CLASSES,
    COMPONENT_BANDS,
    EXPECTED_UNIT,
    LEAST_SCALE_OCTAVE,
    SCALES_PER_OCTAVE,
    Ints,
    detail_groups,
    expected_magnitude,
    thumbnail_groups,
)
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import ANCHOR_SPACING, MOST_SCALE, SymbolTables

Floats = npt.NDArray[np.float64]

ALPHABETS = 64
PRIOR_WEIGHT = 100
"""The geometric density counts as much as this many observations on training faces."""


def anchor_qualities(spec: Face1024Spec) -> list[int]:
    """The fine qualities whose levels `fit_tables` needs."""
    return [ANCHOR_SPACING * row for row in range(-(-spec.fine_qualities // ANCHOR_SPACING) + 1)]


def fit_tables(
    thumbnail_levels: Sequence[npt.NDArray[np.int16]], detail_levels: Sequence[npt.NDArray[np.int16]]
) -> SymbolTables:
    """Tables for the levels of many faces.

    Args:
        thumbnail_levels: for each anchor quality, `[N, T]`.
        detail_levels: for each anchor quality, `[N, 256, C]`.
    """
    thumbnail_scales = np.stack([_scale_of(np.abs(levels).mean(0)) for levels in thumbnail_levels])
    detail_scales = np.stack([_scale_of(_smoothed(np.abs(levels).mean(0))) for levels in detail_levels])
    thumbnail_context = _fit_thumbnail_context(thumbnail_levels, thumbnail_scales)
    detail_context = _fit_detail_context(detail_levels, detail_scales)
    counts = np.zeros((MOST_SCALE + 1, ALPHABET))
    for levels, base in _widened(thumbnail_levels, thumbnail_scales):
        for where, classes in thumbnail_groups(levels, base):
            _count(counts, levels[:, where], base[where] + thumbnail_context[classes].astype(np.int64)[:, None])
    for levels, base in _widened(detail_levels, detail_scales):
        for cells, component, context in detail_groups(levels, base):
            scales = base[cells, component] + detail_context[context].astype(np.int64)
            _count(counts, levels[:, cells, component], scales)
    return SymbolTables(thumbnail_scales, detail_scales, thumbnail_context, detail_context, _cumulative(counts))


def _widened(levels: Sequence[npt.NDArray[np.int16]], scales: npt.NDArray[np.uint8]) -> Iterator[tuple[Ints, Ints]]:
    """The levels and the scale indices of each anchor quality as int64."""
    for found, base in zip(levels, scales):
        yield found.astype(np.int64), base.astype(np.int64)


def _smoothed(magnitude: Floats) -> Floats:
    """Mean magnitudes `[256, C]`, pulled a little toward the mean over the cells, for cells that were always zero."""
    smoothed: Floats = 0.98 * magnitude + 0.02 * magnitude.mean(0)
    return smoothed


def _scale_of(magnitude: Floats) -> npt.NDArray[np.uint8]:
    """The scale index nearest to an expected magnitude."""
    octaves = np.log2(np.maximum(magnitude, 2.0**LEAST_SCALE_OCTAVE))
    scales: Floats = ((octaves - LEAST_SCALE_OCTAVE) * SCALES_PER_OCTAVE).round().clip(0, MOST_SCALE)
    return scales.astype(np.uint8)


def _fit_thumbnail_context(
    levels: Sequence[npt.NDArray[np.int16]], scales: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int8]:
    """The offset of each class to the scale index, `[CLASSES]`."""
    found, expected = np.zeros(CLASSES), np.zeros(CLASSES)
    for values, base in _widened(levels, scales):
        for where, context in thumbnail_groups(values, base):
            np.add.at(found, context, np.abs(values[:, where]).sum(1))
            np.add.at(expected, context, expected_magnitude(base[where]).sum() / EXPECTED_UNIT)
    return _octaves_apart(found, expected)


def _fit_detail_context(levels: Sequence[npt.NDArray[np.int16]], scales: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """The offset of each context to the scale index, `[bands, CLASSES, CLASSES]`."""
    shape = (len(COMPONENT_BANDS) + 1, CLASSES, CLASSES)
    found, expected = np.zeros(shape), np.zeros(shape)
    for values, base in _widened(levels, scales):
        for cells, component, context in detail_groups(values, base):
            classes = (context.inside, context.around)
            np.add.at(found[context.band], classes, np.abs(values[:, cells, component]))
            each = expected_magnitude(base[cells, component]) / EXPECTED_UNIT
            np.add.at(expected[context.band], classes, np.broadcast_to(each, context.inside.shape))
    return _octaves_apart(found, expected)


def _octaves_apart(found: Floats, expected: Floats) -> npt.NDArray[np.int8]:
    """Eighths of an octave from expected to found magnitudes; where little was found, about zero."""
    octaves = np.log2((found + 1) / (expected + 1))
    apart: Floats = (octaves * SCALES_PER_OCTAVE).round().clip(-48, 48)
    return apart.astype(np.int8)


def _count(counts: Floats, levels: Ints, scales: Ints) -> None:
    """Adds the magnitudes found at each scale index to its histogram."""
    scales = scales.clip(0, MOST_SCALE)
    scales = np.broadcast_to(scales, levels.shape)
    raw_bits = np.maximum(0, -(-(scales - ALPHABETS + 1) // SCALES_PER_OCTAVE))
    magnitude = np.minimum(np.abs(levels) >> raw_bits, ALPHABET - 1)
    np.add.at(counts, (scales - SCALES_PER_OCTAVE * raw_bits, magnitude), 1)


def _cumulative(counts: Floats) -> npt.NDArray[np.int32]:
    """The cumulative frequencies of the coder: histograms, mixed with a geometric density for what is rare in them."""
    rows = np.zeros((ALPHABETS, ALPHABET + 1), np.int32)
    for index in range(ALPHABETS):
        mean = 2.0 ** (index / SCALES_PER_OCTAVE + LEAST_SCALE_OCTAVE)
        decay = (np.sqrt(1 + mean * mean) - 1) / mean
        density = 2 * (1 - decay) / (1 + decay) * decay ** np.arange(ALPHABET)
        density[0] /= 2
        density[-1] += 1 - density.sum()
        weighed = counts[index] + PRIOR_WEIGHT * density
        frequencies = np.maximum(1, np.floor(weighed / weighed.sum() * ((1 << TOTAL_BITS) - ALPHABET))).astype(np.int64)
        frequencies[0] += (1 << TOTAL_BITS) - frequencies.sum()
        rows[index, 1:] = frequencies.cumsum()
    return rows
