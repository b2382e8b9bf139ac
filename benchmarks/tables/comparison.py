"""Every codec against an anchor: BD-rate, BD-PSNR and the dB at equal bytes, face by face and then averaged."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grain_codec.benchmarks.tables.bdrate import Curve, Delta, bd_psnr, bd_rate
from grain_codec.benchmarks.tables.results_table import CURVE, Row, Series
from grain_codec.benchmarks.tables.summary import METRICS, PSNR, Results, Spread

from grain_codec.errors import GrainError

NOT_AVAILABLE = "n/a"
COMPRESSAI_NAMES = {"psnr": "psnr-rgb", "ms_ssim": "ms-ssim-rgb"}
COLUMNS = (
    ("codec", "anchor", "bd_rate_percent", "psnr_from", "psnr_to", "bd_rate_faces")
    + ("bd_psnr_db", "bytes_from", "bytes_to", "bd_psnr_faces")
)  # fmt: skip


@dataclass(frozen=True)
class MeanDelta:
    """A difference, its overlap, both averaged over the faces on which the two curves overlap.

    Attributes:
        delta: None where they overlap on no face.
        faces: on how many faces they do.
    """

    delta: Delta | None
    faces: int


@dataclass(frozen=True)
class Comparison:
    """A series against the anchor.

    Attributes:
        rate: in percent of the anchor's bytes at equal PSNR; negative is a saving.
        psnr: in dB at equal bytes.
        gains: dB above the anchor at the bytes of the series' own file under each cap; the second number is on
            how many faces the anchor's curve reaches those bytes.
        faces: in all.
    """

    series: Series
    anchor: Series
    rate: MeanDelta
    psnr: MeanDelta
    gains: dict[int, tuple[float, int]]
    faces: int


def anchor_series(results: Results, name: str) -> Series:
    """The series that others are compared with.

    Raises:
        GrainError: there is none of that name; the text lists those that there are.
    """
    for series in results.series:
        if name in (series.codec, series.label):
            return series
    raise GrainError(f"no codec {name!r} to compare with; there are {', '.join(s.label for s in results.series)}")


def compare(rows: Sequence[Row], anchor: str) -> list[Comparison]:
    """Every series but the anchor against it, in the order of the report.

    Raises:
        GrainError: the anchor is not among the rows.
    """
    results = Results(rows)
    base = anchor_series(results, anchor)
    curves = _curves(rows)
    found = []
    for series in results.series:
        if series == base:
            continue
        pairs = [(curves[base, image], curves[series, image]) for image in results.images]
        rate = _averaged(bd_rate(*pair) for pair in pairs)
        psnr = _averaged(bd_psnr(*pair) for pair in pairs)
        gains = {cap: gain for cap in results.caps if (gain := _gain(results, series, cap, curves, base))}
        found.append(Comparison(series, base, rate, psnr, gains, len(results.images)))
    return found


def write_comparison(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Writes bdrate.tsv: a line for each series; n/a where curves do not overlap."""
    caps = sorted({cap for comparison in comparisons for cap in comparison.gains})
    header = [*COLUMNS, *(name for cap in caps for name in (f"gain_db_at_{cap}", f"faces_at_{cap}"))]
    lines = [header]
    for comparison in comparisons:
        cells = []
        for cap in caps:
            gain = comparison.gains.get(cap)
            cells += [f"{gain[0]:.3f}", str(gain[1])] if gain else [NOT_AVAILABLE, "0"]
        names = [comparison.series.label, comparison.anchor.label]
        lines.append([*names, *_cells(comparison.rate), *_cells(comparison.psnr), *cells])
    path.write_text("".join("\t".join(line) + "\n" for line in lines))


def write_curves(folder: Path, rows: Sequence[Row], pixels: int, settings: dict[str, str]) -> None:
    """Writes a JSON file for each series in the form of CompressAI's benchmark, means over all faces.

    Args:
        folder: made when missing; JSON files of earlier runs are removed from it.
        pixels: of a face.
        settings: of the codecs, by name.
    """
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    results = Results(rows)
    for series in results.series:
        points = results.curve(series, PSNR, CURVE)
        members = [_members(rows, series, point.point) for point in points]
        columns: dict[str, list[float]] = {"bpp": [8 * point.bytes / pixels for point in points]}
        for metric in METRICS:
            values = [_mean(getattr(row, metric.column) for row in rows_) for rows_ in members]
            if values and None not in values:
                columns[COMPRESSAI_NAMES.get(metric.column, metric.column)] = values
        columns["encoding_time"] = [_mean(row.encode_seconds for row in rows_) for rows_ in members]
        columns["decoding_time"] = [_mean(row.decode_seconds for row in rows_) for rows_ in members]
        content = {"name": series.label, "description": settings.get(series.codec, ""), "results": columns}
        name = "-".join(series.label.replace(",", "").split())
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def spread_text(spread: Spread | None, digits: int = 2) -> str:
    """Mean and 5th percentile as people read them.

    Example: "25.79 (21.59)"
    """
    return f"{spread.mean:.{digits}f} ({spread.worst:.{digits}f})" if spread else NOT_AVAILABLE


def _curves(rows: Sequence[Row]) -> _CurvesByFace:
    points: _CurvesByFace = _CurvesByFace()
    found: dict[tuple[Series, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row.kind == CURVE and row.bytes is not None and row.psnr is not None:
            found.setdefault((row.series, row.image), []).append((row.bytes, row.psnr))
    points.update({key: Curve(values) for key, values in found.items()})
    return points


class _CurvesByFace(dict[tuple[Series, str], Curve]):
    """Curves by series and image; a series without a file for an image has an empty one."""

    def __missing__(self, key: tuple[Series, str]) -> Curve:
        return Curve([])


def _gain(
    results: Results, series: Series, cap: int, curves: _CurvesByFace, anchor: Series
) -> tuple[float, int] | None:
    """Mean dB above the anchor at the bytes that the series took under a cap, and the number of faces."""
    gains = []
    for image, row in results.at_cap(cap, series).items():
        level = curves[anchor, image].psnr_at(row.bytes)
        if level is not None and row.psnr is not None:
            gains.append(row.psnr - level)
    return (statistics.fmean(gains), len(gains)) if gains else None


def _averaged(deltas: Iterable[Delta | None]) -> MeanDelta:
    known = [delta for delta in deltas if delta is not None]
    if not known:
        return MeanDelta(None, 0)
    means = [statistics.fmean(getattr(delta, name) for delta in known) for name in ("value", "low", "high")]
    return MeanDelta(Delta(*means), len(known))


def _cells(mean: MeanDelta) -> list[str]:
    """A difference with its overlap as cells of the table."""
    if mean.delta is None:
        return [NOT_AVAILABLE, "", "", "0"]
    return [f"{mean.delta.value:.3f}", f"{mean.delta.low:.2f}", f"{mean.delta.high:.2f}", str(mean.faces)]


def _members(rows: Sequence[Row], series: Series, point: str) -> list[Row]:
    return [row for row in rows if row.kind == CURVE and row.series == series and row.point == point and row.fits]


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean, or None where one of the values is missing."""
    known = list(values)
    return None if None in known or not known else statistics.fmean(known)
