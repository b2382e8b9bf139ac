"""Fits the entropy coder's tables to the levels that an encoder gives on training faces."""

from __future__ import annotations

import numpy as np

from grain_codec.coding.range_coder import ALPHABET, TOTAL_BITS
from grain_codec.models.face1024.contexts import (
    CLASSES,
    COMPONENT_BANDS,
    LEAST_SCALE_OCTAVE,
    SCALES_PER_OCTAVE,
    detail_groups,
    expected_magnitude,
    thumbnail_groups,
)
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import ANCHOR_SPACING, MOST_SCALE, SymbolTables

ALPHABETS = 64
PRIOR_WEIGHT = 100
"""Observations that the geometric density counts as, against those of the training faces."""


def anchor_qualities(spec: Face1024Spec) -> list[int]:
    """The fine qualities whose levels `fit_tables` needs."""
    return [ANCHOR_SPACING * row for row in range(-(-spec.fine_qualities // ANCHOR_SPACING) + 1)]


def fit_tables(thumbnail_levels: list[np.ndarray], detail_levels: list[np.ndarray]) -> SymbolTables:
    """Tables for the levels of many faces.

    Args:
        thumbnail_levels: for each anchor quality, integers `[N, T]`.
        detail_levels: for each anchor quality, integers `[N, 256, C]`.
    """
    thumbnail_scales = np.stack([_scale_of(np.abs(levels).mean(0)) for levels in thumbnail_levels])
    detail_scales = np.stack([_scale_of(_smoothed(np.abs(levels).mean(0))) for levels in detail_levels])
    thumbnail_context = _fit_thumbnail_context(thumbnail_levels, thumbnail_scales)
    detail_context = _fit_detail_context(detail_levels, detail_scales)
    counts = np.zeros((MOST_SCALE + 1, ALPHABET))
    for levels, base in zip(thumbnail_levels, thumbnail_scales.astype(np.int64)):
        for where, context in thumbnail_groups(levels, base):
            _count(counts, levels[:, where], base[where] + thumbnail_context[context].astype(np.int64)[:, None])
    for levels, base in zip(detail_levels, detail_scales.astype(np.int64)):
        for cells, component, context in detail_groups(levels, base):
            scales = base[cells, component] + detail_context[context].astype(np.int64)
            _count(counts, levels[:, cells, component], scales)
    return SymbolTables(thumbnail_scales, detail_scales, thumbnail_context, detail_context, _cumulative(counts))


def _smoothed(magnitude: np.ndarray) -> np.ndarray:
    """Mean magnitudes `[256, C]`, pulled a little toward the mean over the cells where almost nothing was seen."""
    return 0.98 * magnitude + 0.02 * magnitude.mean(0)


def _scale_of(magnitude: np.ndarray) -> np.ndarray:
    """The scale index nearest to an expected magnitude."""
    octaves = np.log2(np.maximum(magnitude, 2.0**LEAST_SCALE_OCTAVE))
    return ((octaves - LEAST_SCALE_OCTAVE) * SCALES_PER_OCTAVE).round().clip(0, MOST_SCALE).astype(np.uint8)


def _fit_thumbnail_context(levels: list[np.ndarray], scales: np.ndarray) -> np.ndarray:
    """What each class adds to a scale index, int8 `[CLASSES]`."""
    found, expected = np.zeros(CLASSES), np.zeros(CLASSES)
    for values, base in zip(levels, scales.astype(np.int64)):
        for where, context in thumbnail_groups(values, base):
            np.add.at(found, context, np.abs(values[:, where]).sum(1))
            np.add.at(expected, context, expected_magnitude(base[where]).sum() / 256)
    return _octaves_apart(found, expected)


def _fit_detail_context(levels: list[np.ndarray], scales: np.ndarray) -> np.ndarray:
    """What each class adds to a scale index, int8 `[bands, CLASSES, CLASSES]`."""
    shape = (len(COMPONENT_BANDS) + 1, CLASSES, CLASSES)
    found, expected = np.zeros(shape), np.zeros(shape)
    for values, base in zip(levels, scales.astype(np.int64)):
        for cells, component, (band, inside, around) in detail_groups(values, base):
            np.add.at(found, (band, inside, around), np.abs(values[:, cells, component]))
            each = np.broadcast_to(expected_magnitude(base[cells, component]) / 256, inside.shape)
            np.add.at(expected, (band, inside, around), each)
    return _octaves_apart(found, expected)


def _octaves_apart(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Eighths of an octave from expected to found magnitudes; little evidence gives zero."""
    octaves = np.log2((found + 1) / (expected + 1))
    return (octaves * SCALES_PER_OCTAVE).round().clip(-48, 48).astype(np.int8)


def _count(counts: np.ndarray, levels: np.ndarray, scales: np.ndarray) -> None:
    """Adds the magnitudes found at each scale index to its histogram."""
    scales = scales.clip(0, MOST_SCALE)
    scales = np.broadcast_to(scales, levels.shape)
    raw_bits = np.maximum(0, -(-(scales - ALPHABETS + 1) // SCALES_PER_OCTAVE))
    magnitude = np.minimum(np.abs(levels) >> raw_bits, ALPHABET - 1)
    np.add.at(counts, (scales - SCALES_PER_OCTAVE * raw_bits, magnitude), 1)


def _cumulative(counts: np.ndarray) -> np.ndarray:
    """Histograms, and a geometric density where they are thin, as cumulative frequencies of the coder."""
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
