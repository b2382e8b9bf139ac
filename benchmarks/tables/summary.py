"""The summary of a benchmark's rows for each codec: means and 5th percentiles over the faces, at caps and on curves."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from grain_codec.benchmarks.tables.rows import CAP, BadTable, Row, Series

WORST_SHARE = 5  # The percentile that stands for the worst faces: one in twenty is worse.


@dataclass(frozen=True)
class Metric:
    """A column that can be averaged over faces."""

    column: str  # The column of the rows.
    title: str  # With the unit, as axes and table heads show it.
    unit: str  # The unit, written after a value.
    digits: int  # The number of digits after the point.
    higher_is_nearer: bool  # Whether more is better.

    def text(self, value: float) -> str:
        """A value with the metric's digits."""
        return f"{value:.{self.digits}f}"


PSNR = Metric("psnr", "PSNR, dB", " dB", 2, True)
LPIPS = Metric("lpips", "LPIPS (lower is better)", "", 3, False)
IDENTITY = Metric("identity", "identity distance (lower is better)", "", 3, False)
METRICS = (
    PSNR,
    Metric("ssim", "SSIM", "", 3, True),
    Metric("ms_ssim", "MS-SSIM", "", 3, True),
    LPIPS,
    Metric("lpips_full", "LPIPS at full size (lower is better)", "", 3, False),
    IDENTITY,
    Metric("lr_psnr", "LR image, dB", " dB", 2, True),
    *(Metric(f"detail_{lines}", f"detail up to {lines} lines", "", 2, True) for lines in (128, 256, 512, 1024)),
)

NAMES = {
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "jpegxl": "JPEG XL",
    "jpeg2000": "JPEG 2000",
    "heic": "HEIC",
    "vvc": "VVC",
    "vvc-implied": "VVC, headers implied",
    "bicubic16": "bicubic 16x16",
    "blurhash": "BlurHash",
}
"""The ordinary codecs' names for readers."""


def is_ours(series: Series) -> bool:
    """Tells whether a series is one of the project's models; ordinary codecs have only one output, without a name."""
    return bool(series.output)


def name_of(series: Series) -> str:
    """The name of a series for readers."""
    return NAMES.get(series.codec) or series.label


@dataclass(frozen=True)
class Spread:
    """Values of a metric over faces."""

    mean: float  # The mean over the faces.
    worst: float  # The 5th percentile, counted from the worse end.
    count: int  # The number of faces.


def spread_of(rows: Iterable[Row], metric: Metric) -> Spread | None:
    """Mean and 5th percentile of the faces that have the metric; None if none has."""
    values = [value for row in rows if (value := getattr(row, metric.column)) is not None]
    if not values:
        return None
    share = WORST_SHARE if metric.higher_is_nearer else 100 - WORST_SHARE
    return Spread(statistics.fmean(values), float(np.percentile(values, share)), len(values))


def all_values(rows: Iterable[Row], column: str) -> list[float]:
    """The values of a column; none where any row lacks it."""
    values = [getattr(row, column) for row in rows]
    return [] if None in values else values


def mean_of(rows: Iterable[Row], column: str) -> float | None:
    """The mean of a column, or None where a row lacks it."""
    values = all_values(rows, column)
    return statistics.fmean(values) if values else None


@dataclass(frozen=True)
class CurvePoint:
    """A series at one quality or cap: mean bytes and the metric over all faces."""

    point: str
    bytes: float
    values: Spread


class Results:
    """The rows of a benchmark, grouped.

    Attributes:
        images: names of the faces, in the order of the rows.
        caps: the caps in bytes, ascending.
        series: ours first, otherwise in the order of the rows.

    Raises:
        BadTable: a cap is no number of bytes, or a file has no bytes.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        """Groups rows by series, kind and point."""
        for row in rows:
            if row.kind == CAP and not (row.point.isascii() and row.point.isdigit()):
                raise BadTable(f"{row.image}: the cap {row.point!r} is no number of bytes")
            if row.bytes is not None and row.bytes <= 0:
                raise BadTable(f"{row.image}: a file of {row.bytes} bytes")
        self.images = list(dict.fromkeys(row.image for row in rows))
        self.caps = sorted({int(row.point) for row in rows if row.kind == CAP})
        self._rows = rows
        self._groups: dict[tuple[Series, str], dict[str, list[Row]]] = {}
        for row in rows:
            self._groups.setdefault((row.series, row.kind), {}).setdefault(row.point, []).append(row)
        found = dict.fromkeys(series for series, _ in self._groups)
        self.series = sorted(found, key=lambda series: not is_ours(series))

    def points(self, series: Series, kind: str) -> dict[str, list[Row]]:
        """The rows of a series by point; those of faces that do not fit are among them."""
        return self._groups.get((series, kind), {})

    def at_cap(self, cap: int, series: Series) -> dict[str, Row]:
        """The rows of a series at a cap by face, without the faces that do not fit."""
        return {row.image: row for row in self.points(series, CAP).get(str(cap), []) if row.fits}

    def tried(self, cap: int, series: Series) -> set[str]:
        """The faces that a series was measured on at a cap, whether or not they fit."""
        return {row.image for row in self.points(series, CAP).get(str(cap), [])}

    def measured(self, metric: Metric) -> bool:
        """Tells whether any row has a value of the metric."""
        return any(getattr(row, metric.column) is not None for row in self._rows)

    def curve(self, series: Series, metric: Metric, kind: str) -> list[CurvePoint]:
        """A series' points of one kind (CAP or CURVE), by bytes; only those that every face was measured at.

        A mean over the faces that happened to fit would flatter whatever fits easy faces alone.
        """
        points = []
        for point, members in self.points(series, kind).items():
            fitting = [row for row in members if row.fits]
            size, values = mean_of(fitting, "bytes"), spread_of(fitting, metric)
            if size and values and values.count == len(self.images) and math.isfinite(values.mean):
                points.append(CurvePoint(point, size, values))
        return sorted(points, key=lambda point: point.bytes)
