"""The symbols of a face, and their entropy coding.

The coder codes each level under a distribution that its expected magnitude chooses. The expected magnitude comes from a
table (by component, cell and quality) and is scaled by the level's context; see `contexts`. All of it is integer
arithmetic, so that every machine computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grain_codec.coding.integer_tables import check_types
from grain_codec.coding.level_coder import ALPHABET, TOTAL_BITS, LevelCoder
from grain_codec.coding.range_coder import RangeDecoder, RangeEncoder
from grain_codec.errors import Corrupt, WrongModel
from grain_codec.models.face1024.contexts import (
    CELLS,
    CLASSES,
    COMPONENT_BANDS,
    SCALES_PER_OCTAVE,
    Ints,
    detail_groups,
    thumbnail_groups,
)
from grain_codec.models.face1024.spec import Face1024Spec

Floats = npt.NDArray[np.float64]

ANCHOR_SPACING = 8  # Fine qualities between two rows of base scales; between them the scales are interpolated.

MOST_SCALE = 151


@dataclass(frozen=True)
class Face1024Symbols:
    """Whole levels of one face."""

    thumbnail: Ints  # Integers `[T]`, components in order of falling variance.
    details: Ints  # Integers `[256, C]`, cells in raster order.
    fine_quality: int  # Which of the model's quantiser steps the levels count in.


TABLE_TYPES: dict[str, type[np.generic]] = {
    "thumbnail_scales": np.uint8,
    "detail_scales": np.uint8,
    "thumbnail_context": np.int8,
    "detail_context": np.int8,
    "cumulative": np.int32,
}


@dataclass(frozen=True)
class SymbolTables:
    """The integer tables that travel with the weights."""

    thumbnail_scales: npt.NDArray[np.uint8]  # uint8 `[anchors, T]` scale indices.
    detail_scales: npt.NDArray[np.uint8]  # uint8 `[anchors, 256, C]` scale indices.
    thumbnail_context: npt.NDArray[np.int8]  # int8 `[CLASSES]` added to a scale index.
    # int8 `[bands, CLASSES, CLASSES]`, by the class of the cell and of its surroundings.
    detail_context: npt.NDArray[np.int8]
    cumulative: npt.NDArray[np.int32]  # int32 `[alphabets, ALPHABET + 1]` rows of the level coder.

    def check(self, spec: Face1024Spec) -> None:
        """Raises WrongModel for a table of a wrong shape or type, and for alphabets that do not rise to their total."""
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
        return self._written([(group.coded(), group.scales) for group in self._groups_of(symbols)])

    def decode(self, payload: bytes, fine_quality: int) -> Face1024Symbols:
        """The symbols of a payload. Raises Corrupt: the payload is not exactly what `encode` gives for some symbols."""
        decoder = RangeDecoder(payload)
        thumbnail = np.zeros(self.spec.thumbnail_components, np.int64)
        details = np.zeros((CELLS, self.spec.detail_components), np.int64)
        symbols, groups = Face1024Symbols(thumbnail, details, fine_quality), []
        for group in self._groups_of(symbols):
            group.levels[group.where] = [self._levels.decode(decoder, scale) for scale in group.scales.tolist()]
            groups.append((group.coded(), group.scales))
        if self._written(groups) != payload:
            raise Corrupt("the payload is not one that an encoder writes")
        return symbols

    def ideal_bits(self, symbols: Face1024Symbols) -> float:
        """The code length of a face under the tables, in bits."""
        groups = self._groups_of(symbols)
        return sum(float(self._levels.ideal_bits(group.coded(), group.scales).sum()) for group in groups)

    def magnitude_bits(self, symbols: Face1024Symbols, count: int) -> tuple[Floats, Floats, float]:
        """Bits of magnitudes 0 to `count` - 1 in the contexts of a face: `[T, count]` and `[256, C, count]`.

        The last result is the code length of the face itself, as `ideal_bits` gives it.
        """
        thumbnail_scales, detail_scales = np.zeros_like(symbols.thumbnail), np.zeros_like(symbols.details)
        for group in self._groups_of(symbols):
            scales = thumbnail_scales if group.levels is symbols.thumbnail else detail_scales
            scales[group.where] = group.scales
        every_scale, magnitudes = np.mgrid[: MOST_SCALE + 1, :count]
        bits = self._levels.ideal_bits(magnitudes, every_scale)
        whole = self._levels.ideal_bits(symbols.thumbnail, thumbnail_scales).sum()
        whole += self._levels.ideal_bits(symbols.details, detail_scales).sum()
        return bits[thumbnail_scales], bits[detail_scales], float(whole)

    def _written(self, groups: list[tuple[Ints, Ints]]) -> bytes:
        """The bytes of levels and their scale indices, both `[L]`, group by group."""
        encoder = RangeEncoder()
        levels, scales = map(np.concatenate, zip(*groups))
        self._levels.encode(encoder, levels, scales)
        return encoder.finish()

    def _groups_of(self, symbols: Face1024Symbols) -> Iterator[LevelGroup]:
        """The groups of a face's levels in coding order; the scales of each depend on levels of earlier groups only."""
        base = interpolate_anchors(self.tables.thumbnail_scales, symbols.fine_quality)
        for where, context in thumbnail_groups(symbols.thumbnail[None], base):
            scales = base[where] + self.tables.thumbnail_context[context].astype(np.int64)[:, None]
            yield LevelGroup(symbols.thumbnail, where, scales[0].clip(0, MOST_SCALE))
        base = interpolate_anchors(self.tables.detail_scales, symbols.fine_quality)
        for cells, component, classes in detail_groups(symbols.details[None], base):
            scales = base[cells, component] + self.tables.detail_context[classes].astype(np.int64)
            yield LevelGroup(symbols.details, (cells, component), scales[0].clip(0, MOST_SCALE))


@dataclass(frozen=True)
class LevelGroup:
    """Levels of a face that are coded together."""

    levels: Ints  # The array that holds them.
    where: slice | tuple[Ints, int]  # Their place in the array.
    scales: Ints  # Scale index of each, `[L]`.

    def coded(self) -> Ints:
        """The levels themselves, `[L]`."""
        return self.levels[self.where]


def interpolate_anchors(anchors: npt.NDArray[np.uint8], fine_quality: int) -> Ints:
    """Scale indices at a fine quality, interpolated between the rows of the two nearest anchors."""
    row, between = divmod(fine_quality, ANCHOR_SPACING)
    low, high = anchors[row].astype(np.int64), anchors[row + 1].astype(np.int64)
    scales: Ints = (low * (ANCHOR_SPACING - between) + high * between + ANCHOR_SPACING // 2) // ANCHOR_SPACING
    return scales
