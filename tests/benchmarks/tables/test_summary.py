"""Means, worst faces and names, from rows."""

from __future__ import annotations

import dataclasses

import pytest

from grain_codec.benchmarks.tables.rows import BadTable, Row
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, PSNR, Results, name_of, spread_of


def faces(column: str, values: list[float | None]) -> list[Row]:
    """A row a value."""
    return [
        Row(str(index), "webp", "", None, "cap", "400", 400, **{column: value}) for index, value in enumerate(values)
    ]


def test_the_worse_end_is_low_for_psnr_and_high_for_distances():
    values = [float(value) for value in range(101)]
    assert spread_of(faces("psnr", values), PSNR).worst == 5
    assert spread_of(faces("lpips", values), LPIPS).worst == 95


def test_what_was_not_measured_is_left_out():
    spread = spread_of(faces("identity", [0.5, None, 0.3]), IDENTITY)
    assert (spread.mean, spread.count) == (pytest.approx(0.4), 2)
    assert spread_of(faces("identity", [None]), IDENTITY) is None


def test_ours_come_first_and_the_rest_keep_their_order(rows: list[Row]):
    names = [name_of(series) for series in Results(list(reversed(rows))).series]
    assert set(names[:3]) == {"face-1024 fused", "face-1024 rescaled", "face-1024 rescaled, effort 5"}
    assert names[3:] == ["WebP", "JPEG"]


def test_caps_are_ascending_numbers(rows: list[Row]):
    assert Results(list(reversed(rows))).caps == [200, 400]


@pytest.mark.parametrize("wrong", [{"kind": "cap", "point": "many"}, {"kind": "cap", "point": "-5"}, {"bytes": 0}])
def test_rows_that_no_benchmark_writes_are_refused(rows: list[Row], wrong: dict):
    with pytest.raises(BadTable):
        Results([dataclasses.replace(rows[0], **wrong)])
