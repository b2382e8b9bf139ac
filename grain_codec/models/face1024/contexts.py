"""Contexts of the entropy coder: how large the levels decoded so far are, compared with what the tables expect.

The coder sums the magnitudes of the levels that it has already coded, in the same cell and in the cells around it, and
sorts the ratio of that sum to the expected one into classes. All of it is integer arithmetic, so that every machine
computes the same.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grain_codec.coding.grid import GRID

CELLS = GRID * GRID
SCALES_PER_OCTAVE = 8
LEAST_SCALE_OCTAVE = -9  # Scale index 0 stands for an expected magnitude of 2 ** LEAST_SCALE_OCTAVE levels.
EXPECTED_UNIT = 4096  # Expected magnitudes are whole multiples of 1 / EXPECTED_UNIT level.

RATIO_BOUNDS = ((1, 4), (2, 5), (3, 5), (5, 6), (6, 5), (7, 4), (3, 1))
"""Bounds, as fractions, between the eight classes of the ratio of found to expected magnitude."""

CLASSES = len(RATIO_BOUNDS) + 1
COMPONENT_BANDS = (1, 4, 12)
"""First components of the second, third, ... band of detail components; each band has a context table."""

THUMBNAIL_GROUP = 16  # Thumbnail components that share one context.


Ints = npt.NDArray[np.int64]


class DetailContext(NamedTuple):
    """Index into the table of detail contexts."""

    band: int  # The band of the component.
    inside: Ints  # Class of each cell, from the levels coded in it so far, `[N, cells]`.
    around: Ints  # Class of each cell, from the levels coded in the cells around it so far, `[N, cells]`.


class DetailGroup(NamedTuple):
    """Detail levels that are coded together."""

    cells: Ints  # Indices of their cells.
    component: int  # Their component.
    context: DetailContext  # The context of each level.


def expected_magnitude(scales: npt.NDArray[np.integer[Any]]) -> Ints:
    """The magnitudes that scale indices stand for, in 1 / EXPECTED_UNIT levels, from an integer table."""
    magnitudes: Ints = _EXPECTED[scales]
    return magnitudes


def thumbnail_groups(levels: Ints, base: Ints) -> Iterator[tuple[slice, Ints]]:
    """Groups of thumbnail components of levels `[N, T]` in coding order, with the context class of each face.

    `base` holds the tables' scale indices `[T]`. A group's levels are read only after the group was yielded, so that a
    decoder can fill them in as it goes.
    """
    expected = expected_magnitude(base)
    found_so_far = np.zeros(len(levels), np.int64)
    expected_so_far = 0
    for start in range(0, levels.shape[1], THUMBNAIL_GROUP):
        where = slice(start, start + THUMBNAIL_GROUP)
        yield where, ratio_class(found_so_far, np.array(expected_so_far))
        found_so_far = found_so_far // 2 + EXPECTED_UNIT * np.abs(levels[:, where]).sum(1, dtype=np.int64)
        expected_so_far = expected_so_far // 2 + int(expected[where].sum())


def detail_groups(levels: Ints, base: Ints) -> Iterator[DetailGroup]:
    """Groups of detail levels `[N, 256, C]` in coding order, as `thumbnail_groups` gives them; `base` is `[256, C]`."""
    insides, arounds = _detail_thresholds(expected_magnitude(base))
    found_so_far = np.zeros(levels.shape[:2], np.int64)
    for component in range(levels.shape[2]):
        band = sum(component >= first for first in COMPONENT_BANDS)
        for group, cells in enumerate(_INTERLEAVED):
            inside = _class_among(found_so_far[:, cells], insides[:, component, cells])
            around = _class_among(_around(found_so_far)[:, cells], arounds[group][:, component, cells])
            yield DetailGroup(cells, component, DetailContext(band, inside, around))
            found = EXPECTED_UNIT * np.abs(levels[:, cells, component].astype(np.int64))
            found_so_far[:, cells] = found_so_far[:, cells] * 7 // 8 + found


def ratio_class(found: Ints, expected: Ints) -> Ints:
    """The class of the ratio of found to expected magnitude; where both are small, the class is in the middle."""
    return _class_among(found, _thresholds(expected))


def _thresholds(expected: Ints) -> Ints:
    """The least found magnitude of each class but the first, `[CLASSES - 1, ...]`."""
    bounds = [-(-(expected + _PRIOR) * above // below) - _PRIOR for above, below in RATIO_BOUNDS]
    return np.stack(bounds)


def _class_among(found: Ints, thresholds: Ints) -> Ints:
    """Counts how many of the thresholds `[CLASSES - 1, ...]` each value has reached; of the shape of `found`."""
    thresholds = thresholds.reshape(len(thresholds), *(1,) * (found.ndim - thresholds.ndim + 1), *thresholds.shape[1:])
    reached: Ints = (found >= thresholds).sum(0)
    return reached


def _detail_thresholds(expected: Ints) -> tuple[Ints, list[Ints]]:
    """The thresholds for expected magnitudes `[256, C]`, which do not depend on the face.

    Returns those of each cell, `[CLASSES - 1, C, 256]`, and those of its surroundings when each group is coded.
    """
    before = np.zeros((expected.shape[1] + 1, CELLS), np.int64)
    for component, magnitudes in enumerate(expected.T):
        before[component + 1] = before[component] * 7 // 8 + magnitudes
    so_far, arounds = before[:-1].copy(), []
    for cells in _INTERLEAVED:
        arounds.append(_thresholds(_around(so_far)))
        so_far[:, cells] = before[1:, cells]
    return _thresholds(before[:-1]), arounds


def _around(values: Ints) -> Ints:
    """Sums over the eight neighbours of each cell, `[N, 256]`."""
    padded = np.zeros((len(values), GRID + 2, GRID + 2), values.dtype)
    padded[:, 1:-1, 1:-1] = values.reshape(-1, GRID, GRID)
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    block = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    sums: Ints = block.reshape(values.shape) - values
    return sums


def _interleaved_cells() -> list[Ints]:
    """Cells on even rows and columns, cells on odd ones, and the rest, so that later groups border on earlier ones."""
    row, column = np.divmod(np.arange(CELLS), GRID)
    even = (row % 2 == 0) & (column % 2 == 0)
    odd = (row % 2 == 1) & (column % 2 == 1)
    return [np.flatnonzero(group) for group in (even, odd, ~(even | odd))]


_INTERLEAVED = _interleaved_cells()
_PRIOR = EXPECTED_UNIT // 4
_EIGHTHS = (256, 279, 304, 332, 362, 395, 431, 470)  # 2 ** (k / 8) in 1/256.

_EXPECTED = np.array(
    [max(1, (_EIGHTHS[index % 8] << (index // 8)) * EXPECTED_UNIT >> (8 - LEAST_SCALE_OCTAVE)) for index in range(256)],
    dtype=object,
).astype(np.int64)
