"""The symbols of a face, and their coding by what is known of each before it is read: its expected magnitude.

A level's expected magnitude starts from tables (per component, per cell, per quality) and is then
scaled by its context, see `contexts`. All of it is integer arithmetic, so that every machine computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grain_codec.coding.integer_tables import check_types
from grain_codec.coding.range_coder import ALPHABET, TOTAL_BITS, LevelCoder, RangeDecoder, RangeEncoder
from grain_codec.errors import Corrupt, WrongModel
from grain_codec.models.face1024.contexts import (
    CELLS,
    CLASSES,
    COMPONENT_BANDS,
    SCALES_PER_OCTAVE,
    detail_groups,
    thumbnail_groups,
)
from grain_codec.models.face1024.spec import Face1024Spec

ANCHOR_SPACING = 8
"""Fine qualities between two rows of base scales; between them the scales are interpolated."""

MOST_SCALE = 127


@dataclass(frozen=True)
class Face1024Symbols:
    """Whole levels of one face.

    Attributes:
        thumbnail: integers `[T]`, components in order of falling variance.
        details: integers `[256, C]`, cells in raster order.
        fine_quality: which quantiser steps they count in.
    """

    thumbnail: np.ndarray
    details: np.ndarray
    fine_quality: int


TABLE_TYPES = {
    "thumbnail_scales": np.uint8,
    "detail_scales": np.uint8,
    "thumbnail_context": np.int8,
    "detail_context": np.int8,
    "cumulative": np.int32,
}


@dataclass(frozen=True)
class SymbolTables:
    """The integer tables that travel with the weights.

    Attributes:
        thumbnail_scales: uint8 `[anchors, T]` scale indices.
        detail_scales: uint8 `[anchors, 256, C]` scale indices.
        thumbnail_context: int8 `[CLASSES]` added to a scale index.
        detail_context: int8 `[bands, CLASSES, CLASSES]`, by the class of the cell and of its surroundings.
        cumulative: int32 `[alphabets, ALPHABET + 1]` rows of the level coder.
    """

    thumbnail_scales: np.ndarray
    detail_scales: np.ndarray
    thumbnail_context: np.ndarray
    detail_context: np.ndarray
    cumulative: np.ndarray

    def check(self, spec: Face1024Spec) -> None:
        """Refuses tables that the coder could not work with.

        Raises:
            WrongModel: a table has the wrong shape or type, or alphabets that do not rise to their total.
        """
        anchors = -(-spec.fine_qualities // ANCHOR_SPACING) + 1
        shapes = {
            "thumbnail_scales": (anchors, spec.thumbnail_components),
            "detail_scales": (anchors, CELLS, spec.detail_components),
            "thumbnail_context": (CLASSES,),
            "detail_context": (len(COMPONENT_BANDS) + 1, CLASSES, CLASSES),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise WrongModel(f"the table {name} has shape {getattr(self, name).shape}, not {shape}")
        check_types(vars(self), TABLE_TYPES)
        rows = self.cumulative.astype(np.int64)
        whole = rows.ndim == 2 and rows.shape[1] == ALPHABET + 1 and len(rows) >= SCALES_PER_OCTAVE
        if not whole or (rows[:, 0] != 0).any() or (rows[:, -1] != 1 << TOTAL_BITS).any() or (np.diff(rows) < 1).any():
            raise WrongModel("the alphabets of the entropy coder are not cumulative frequencies")


class SymbolCoder:
    """Writes a face's symbols as bytes and reads them back, with the tables of one model."""

    def __init__(self, spec: Face1024Spec, tables: SymbolTables):
        tables.check(spec)
        self.spec, self.tables = spec, tables
        self._levels = LevelCoder(tables.cumulative)

    def encode(self, symbols: Face1024Symbols) -> bytes:
        """The payload of a face."""
        walk = self._walk(symbols.thumbnail[None], symbols.details[None], symbols.fine_quality)
        return self._written([(levels[0][where], scales[0]) for levels, where, scales in walk])

    def decode(self, payload: bytes, fine_quality: int) -> Face1024Symbols:
        """The symbols of a payload.

        Raises:
            Corrupt: the payload is not exactly what `encode` gives for some symbols.
        """
        decoder = RangeDecoder(payload)
        thumbnail = np.zeros((1, self.spec.thumbnail_components), np.int64)
        details = np.zeros((1, CELLS, self.spec.detail_components), np.int64)
        groups = []
        for levels, where, scales in self._walk(thumbnail, details, fine_quality):
            levels[0][where] = [self._levels.decode(decoder, scale) for scale in scales[0].tolist()]
            groups.append((levels[0][where], scales[0]))
        if self._written(groups) != payload:
            raise Corrupt("the payload is not one that an encoder writes")
        return Face1024Symbols(thumbnail[0], details[0], fine_quality)

    def ideal_bits(self, symbols: Face1024Symbols) -> float:
        """The code length of a face under the tables, in bits."""
        walk = self._walk(symbols.thumbnail[None], symbols.details[None], symbols.fine_quality)
        return sum(float(self._levels.ideal_bits(levels[0][where], scales[0]).sum()) for levels, where, scales in walk)

    def magnitude_bits(self, symbols: Face1024Symbols, count: int) -> tuple[np.ndarray, np.ndarray]:
        """What each level would cost at magnitudes 0 to `count` - 1, in its present context.

        Returns:
            Bits of the thumbnail's levels `[T, count]` and of the details' `[256, C, count]`, float64.
        """
        levels = symbols.thumbnail[None], symbols.details[None]
        scales = tuple(np.zeros(each.shape, np.int64) for each in levels)
        for coded, where, found in self._walk(*levels, symbols.fine_quality):
            scales[coded is levels[1]][0][where] = found[0]
        every_scale, magnitudes = np.mgrid[: MOST_SCALE + 1, :count]
        bits = self._levels.ideal_bits(magnitudes, every_scale)
        return bits[scales[0][0]], bits[scales[1][0]]

    def _written(self, groups: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
        """The bytes of levels under their scale indices, both `[L]`, group by group."""
        encoder = RangeEncoder()
        levels, scales = map(np.concatenate, zip(*groups))
        self._levels.encode(encoder, levels, scales)
        return encoder.finish()

    def _detail_scales(self, base: np.ndarray, cells: np.ndarray, component: int, context: tuple) -> np.ndarray:
        """Scale indices of one group of details, `[N, cells]`."""
        scales = base[cells, component] + self.tables.detail_context[context].astype(np.int64)
        return scales.clip(0, MOST_SCALE)

    def _walk(
        self, thumbnail: np.ndarray, details: np.ndarray, fine_quality: int
    ) -> Iterator[tuple[np.ndarray, object, np.ndarray]]:
        """Groups of levels in coding order: an array, where in it the group lies, and its scale indices.

        A group's scales depend on levels of earlier groups only, so a decoder may fill the arrays as it goes.
        """
        base = interpolate_anchors(self.tables.thumbnail_scales, fine_quality)
        for where, context in thumbnail_groups(thumbnail, base):
            scales = base[where] + self.tables.thumbnail_context[context].astype(np.int64)[:, None]
            yield thumbnail, where, scales.clip(0, MOST_SCALE)
        base = interpolate_anchors(self.tables.detail_scales, fine_quality)
        for cells, component, context in detail_groups(details, base):
            yield details, (cells, component), self._detail_scales(base, cells, component, context)


def interpolate_anchors(anchors: np.ndarray, fine_quality: int) -> np.ndarray:
    """Scale indices at a fine quality, from the rows at its two neighbouring anchors."""
    row, between = divmod(fine_quality, ANCHOR_SPACING)
    low, high = anchors[row].astype(np.int64), anchors[row + 1].astype(np.int64)
    return (low * (ANCHOR_SPACING - between) + high * between + ANCHOR_SPACING // 2) // ANCHOR_SPACING
