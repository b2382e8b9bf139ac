"""Fits the entropy coder's tables to the levels that an encoder gives on training faces."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

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
Levels = Sequence[npt.NDArray[np.int16]]  # Levels of many faces for each anchor quality.

ALPHABETS = 88
PRIOR_WEIGHT = 100  # The geometric density counts as much as this many observations on training faces.


def anchor_qualities(spec: Face1024Spec) -> list[int]:
    """The fine qualities whose levels `fit_tables` needs."""
    return [ANCHOR_SPACING * row for row in range(-(-spec.fine_qualities // ANCHOR_SPACING) + 1)]


class _Group(NamedTuple):
    """Levels that are coded together."""

    levels: Ints  # `[N, K]`
    base: Ints  # Scale indices `[K]` from the tables.
    context: tuple[int | Ints, ...]  # Index into the table of contexts for each level.


def fit_tables(thumbnail_levels: Levels, detail_levels: Levels) -> SymbolTables:
    """Tables for the levels of many faces.

    Args:
        thumbnail_levels: for each anchor quality, `[N, T]`.
        detail_levels: for each anchor quality, `[N, 256, C]`.
    """
    thumbnail_scales = np.stack([_scale_of(np.abs(levels).mean(0)) for levels in thumbnail_levels])
    detail_scales = np.stack([_scale_of(_smoothed(np.abs(levels).mean(0))) for levels in detail_levels])
    thumbnails = partial(_thumbnail_groups, thumbnail_levels, thumbnail_scales)
    details = partial(_detail_groups, detail_levels, detail_scales)
    thumbnail_context = _fit_context((CLASSES,), thumbnails())
    detail_context = _fit_context((len(COMPONENT_BANDS) + 1, CLASSES, CLASSES), details())
    counts = np.zeros((MOST_SCALE + 1, ALPHABET))
    for groups, offsets in ((thumbnails, thumbnail_context), (details, detail_context)):
        for group in groups():
            _count(counts, group.levels, group.base + offsets[group.context].astype(np.int64))
    return SymbolTables(thumbnail_scales, detail_scales, thumbnail_context, detail_context, _cumulative(counts))


def _thumbnail_groups(levels: Levels, scales: npt.NDArray[np.uint8]) -> Iterator[_Group]:
    """The groups of thumbnail levels of all anchor qualities."""
    for found, base in zip(levels, scales.astype(np.int64)):
        values = found.astype(np.int64)
        for where, classes in thumbnail_groups(values, base):
            yield _Group(values[:, where], base[where], (np.broadcast_to(classes[:, None], values[:, where].shape),))


def _detail_groups(levels: Levels, scales: npt.NDArray[np.uint8]) -> Iterator[_Group]:
    """The groups of detail levels of all anchor qualities."""
    for found, base in zip(levels, scales.astype(np.int64)):
        values = found.astype(np.int64)
        for cells, component, context in detail_groups(values, base):
            yield _Group(values[:, cells, component], base[cells, component], context)


def _smoothed(magnitude: Floats) -> Floats:
    """Mean magnitudes `[256, C]`, pulled a little toward the mean over the cells, for cells that were always zero."""
    smoothed: Floats = 0.98 * magnitude + 0.02 * magnitude.mean(0)
    return smoothed


def _scale_of(magnitude: Floats) -> npt.NDArray[np.uint8]:
    """The scale index nearest to an expected magnitude."""
    octaves = np.log2(np.maximum(magnitude, 2.0**LEAST_SCALE_OCTAVE))
    scales: Floats = ((octaves - LEAST_SCALE_OCTAVE) * SCALES_PER_OCTAVE).round().clip(0, MOST_SCALE)
    return scales.astype(np.uint8)


def _fit_context(shape: tuple[int, ...], groups: Iterable[_Group]) -> npt.NDArray[np.int8]:
    """The offsets of contexts to the scale index, which counts in eighths of an octave.

    An offset leads from the expected to the found magnitude of the context's levels; it is about zero where few
    levels were found.
    """
    found, expected = np.zeros(shape), np.zeros(shape)
    for levels, base, context in groups:
        index = tuple(np.broadcast_to(each, levels.shape) for each in context)
        np.add.at(found, index, np.abs(levels))
        np.add.at(expected, index, np.broadcast_to(expected_magnitude(base) / EXPECTED_UNIT, levels.shape))
    octaves: Floats = np.log2((found + 1) / (expected + 1))
    return (octaves * SCALES_PER_OCTAVE).round().clip(-48, 48).astype(np.int8)


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
