"""images.tsv keeps every row, survives being torn, and refuses what it is not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grain_codec.benchmarks.tables.rows import (
    CAP,
    COLUMNS,
    CURVE,
    BadTable,
    Row,
    Series,
    append_rows,
    format_row,
    parse_row,
    read_rows,
    write_rows,
)

MEASURED = Row("anna.jpg", "webp", "", None, CAP, "384", 380, 360, 48, "q35", 24.25, encode_seconds=0.018)
NONE_FITS = Row("anna.jpg", "avif", "", None, CAP, "200")
OURS = Row("anna.jpg", "face-1024", "fused", 5, CURVE, "q3", 190, 178, setting="fine quality 16", lr_psnr=math.inf)

words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
numbers = st.none() | st.integers(0, 99_999)
values = st.none() | st.integers(-99_999, 99_999).map(lambda number: number / 1000)


@given(
    st.builds(
        Row, image=words, codec=words, output=words, effort=numbers, kind=st.sampled_from([CAP, CURVE]), point=words,
        bytes=numbers, payload_bytes=numbers, prescale=numbers, setting=words, psnr=values, ssim=values, lpips=values,
    )
)  # fmt: skip
def test_rows_come_back(row: Row) -> None:
    assert parse_row(format_row(row)) == row


def test_tables_come_back(tmp_path: Path) -> None:
    path = tmp_path / "images.tsv"
    write_rows(path, [MEASURED])
    append_rows(path, [NONE_FITS, OURS])
    assert read_rows(path) == [MEASURED, NONE_FITS, OURS]
    assert path.read_text().splitlines()[0].split("\t") == list(COLUMNS)


def test_an_empty_cell_was_not_measured() -> None:
    assert format_row(NONE_FITS) == "anna.jpg\tavif\t\t\tcap\t200" + "\t" * 17
    assert not NONE_FITS.fits and MEASURED.fits


def test_floats_have_six_digits() -> None:
    row = Row("a", "webp", "", None, CAP, "1", psnr=25.123456789, ssim=0.000123456789)
    assert {"25.1235", "0.000123457"} <= set(format_row(row).split("\t"))


@pytest.mark.parametrize("lost", range(1, 30, 7))
def test_a_torn_last_line_is_dropped(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "images.tsv"
    write_rows(path, [MEASURED, OURS])
    path.write_bytes(path.read_bytes()[:-lost])
    assert read_rows(path) == [MEASURED]


def test_names_cannot_tear_the_table() -> None:
    assert parse_row(format_row(Row("a\tb\nc.jpg", "webp", "", None, CAP, "1"))).image == "a?b?c.jpg"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "first line"),
        (b"name\tcap\n", "first line"),
        (b"\xff\xd8\xff\xe0 a photo", "no results table"),
        ("\t".join(COLUMNS).encode() + b"\na\tb\n", "line 2: 2 cells"),
        (("\t".join(COLUMNS) + "\n" + format_row(MEASURED).replace("380", "many") + "\n").encode(), "line 2: .*many"),
        (("\t".join(COLUMNS) + "\n" + format_row(MEASURED).replace("cap", "hat") + "\n").encode(), "line 2: .*hat"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "images.tsv"
    path.write_bytes(content)
    with pytest.raises(BadTable, match=f"images.tsv: .*{reason}"):
        read_rows(path)


@pytest.mark.parametrize(
    ("series", "label"),
    [
        (Series("webp"), "webp"),
        (Series("face-1024", "rescaled", 0), "face-1024 rescaled"),
        (Series("face-1024", "fused", 5), "face-1024 fused, effort 5"),
    ],
)
def test_labels(series: Series, label: str) -> None:
    assert series.label == label
