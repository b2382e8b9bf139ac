"""images.tsv, the single source of a report: one row an image, codec and point.

A run appends a codec's rows of an image as whole lines. The rest of a line that a killed run has left is dropped when
the file is read. Columns are those of `Row`; an empty cell was not measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grain_codec.errors import GrainError
from grain_codec.whole_files import write_whole

CAP, CURVE = "cap", "curve"
KINDS = (CAP, CURVE)
SIGNIFICANT_DIGITS = 6


class BadTable(GrainError):
    """A results file is not one of ours."""


@dataclass(frozen=True)
class Series:
    """One line of a comparison: a codec, or one output of a model at one effort."""

    codec: str  # jpeg, webp, avif, jpegxl, jpeg2000, heic, vvc, vvc-implied, bicubic16, blurhash, or a model's name.
    output: str = ""  # A model's output: rescaled, fused or prior; empty for other codecs.
    effort: int | None = None  # The effort of a model's search; None for other codecs.

    @property
    def label(self) -> str:
        """The name for readers, such as "webp" or "face-1024 fused, effort 5"."""
        effort = f", effort {self.effort}" if self.effort else ""
        return f"{self.codec} {self.output}".strip() + effort


@dataclass(frozen=True)
class Row:
    """The result of one codec on one image at one point."""

    image: str  # The image's file name.
    # See `Series`.
    codec: str
    output: str
    effort: int | None
    kind: str  # "cap": the nearest file of at most `point` bytes; "curve": a point of the rate-distortion curve.
    point: str  # The cap in bytes; on a curve the cap or the name of the quality.
    # Size of the whole file; None when no file of the codec fits, and then nothing below is measured.
    bytes: int | None = None
    payload_bytes: int | None = None  # Bytes of the file without its container; None where the file has no such part.
    prescale: int | None = None  # Side in pixels at which the face was encoded; None for models.
    setting: str = ""  # The codec's setting for this file, as its own tools name it.
    psnr: float | None = None  # PSNR in dB over the RGB samples at full size.
    # Means over the RGB channels at full size.
    ssim: float | None = None
    ms_ssim: float | None = None
    lpips: float | None = None  # Distance at 256 px.
    lpips_full: float | None = None  # Distance of the middle of the face at full size.
    identity: float | None = None  # Distance of the two faces' descriptors.
    lr_psnr: float | None = None  # PSNR in dB of a model's LR image against the face's antialiased thumbnail.
    # Contrast over the original's in each octave; see `benchmarks.metrics.detail`.
    detail_1024: float | None = None
    detail_512: float | None = None
    detail_256: float | None = None
    detail_128: float | None = None
    # From pixels to bytes and back, on one thread of a busy machine.
    encode_seconds: float | None = None
    decode_seconds: float | None = None

    @property
    def fits(self) -> bool:
        """Tells whether the codec has a file at this point."""
        return self.bytes is not None

    @property
    def key(self) -> Row:
        """The row as if nothing had been measured: no two rows of a table have the same."""
        return Row(self.image, self.codec, self.output, self.effort, self.kind, self.point)

    @property
    def series(self) -> Series:
        """The line in a plot that the row belongs to."""
        return Series(self.codec, self.output, self.effort)


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
LATER_COLUMNS = {column for column in COLUMNS if column.startswith("detail_") or column == "lpips_full"}
"""Columns that tables from before these metrics lack."""

_PARSERS: dict[str, Callable[[str], Any]] = {
    field.name: str if "str" in str(field.type) else int if "int" in str(field.type) else float
    for field in dataclasses.fields(Row)
}


def format_row(row: Row) -> str:
    """A row as a line of the table, without the line's end."""
    return "\t".join(_cell(getattr(row, column)) for column in COLUMNS)


def parse_row(line: str, columns: Sequence[str] = COLUMNS) -> Row:
    """Reads what `format_row` wrote; a table of before a metric was added lacks its column.

    Raises:
        BadTable: the line has another number of cells, or words where numbers belong.
    """
    cells = line.split("\t")
    if len(cells) != len(columns):
        raise BadTable(f"{len(cells)} cells instead of {len(columns)}")
    words = {column: cell for column, cell in zip(columns, cells) if cell or _PARSERS[column] is str}
    try:
        row = Row(**{"effort": None, **{column: _PARSERS[column](cell) for column, cell in words.items()}})
    except ValueError as error:
        raise BadTable(str(error)) from error
    if row.kind not in KINDS:
        raise BadTable(f"the kind {row.kind!r} is none of {', '.join(KINDS)}")
    return row


def read_rows(path: Path) -> list[Row]:
    """All rows of a table; a last line without its end is what a killed run left, and is dropped.

    Raises:
        BadTable: the file is no results table; the text names the line.
        OSError: it cannot be read.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BadTable(f"{path}: no results table: {error}") from error
    header, *lines = text[: text.rfind("\n") + 1].splitlines() or [""]
    columns = header.split("\t")
    if [column for column in COLUMNS if column in columns or column not in LATER_COLUMNS] != columns:
        raise BadTable(f"{path}: no results table: its first line is not that of images.tsv")
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            rows.append(parse_row(line, columns))
        except BadTable as error:
            raise BadTable(f"{path}: line {number}: {error}") from error
    return rows


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes a table, whole or not at all."""
    lines = ("\t".join(COLUMNS), *map(format_row, rows))
    write_whole(path, "".join(f"{line}\n" for line in lines).encode(), force=True)


def append_rows(path: Path, rows: Sequence[Row]) -> None:
    """Adds whole lines to a table in one write."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write("".join(f"{format_row(row)}\n" for row in rows))


def cell_text(text: str) -> str:
    """A text with question marks for all that would tear a table; a file's name may hold tabs and lines' ends."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cell(value: object) -> str:
    """A value as it stands in the table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{SIGNIFICANT_DIGITS}g}"
    return cell_text(str(value))
