"""Every codec against an anchor: BD-rate, BD-PSNR and the dB at equal bytes, face by face and then averaged."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grain_codec.benchmarks.tables.bdrate import Curve, Delta, bd_psnr, bd_rate
from grain_codec.benchmarks.tables.rows import CURVE, Series
from grain_codec.benchmarks.tables.summary import METRICS, PSNR, Results, mean_of
from grain_codec.errors import GrainError

NOT_AVAILABLE = "n/a"
COMPRESSAI_NAMES = {
    "psnr": "psnr-rgb",
    "ms_ssim": "ms-ssim-rgb",
    "encode_seconds": "encoding_time",
    "decode_seconds": "decoding_time",
}
RATE_COLUMNS = ("bd_rate_percent", "psnr_from", "psnr_to", "bd_rate_faces")
PSNR_COLUMNS = ("bd_psnr_db", "bytes_from", "bytes_to", "bd_psnr_faces")


@dataclass(frozen=True)
class MeanDelta:
    """A difference and its overlap, both averaged over the faces on which the two curves overlap."""

    delta: Delta | None  # None where they overlap on no face.
    faces: int  # On how many faces they do.


@dataclass(frozen=True)
class Gain:
    """Mean dB above the anchor, and on how many faces the anchor's curve reaches the bytes in question."""

    decibels: float
    faces: int


@dataclass(frozen=True)
class AnchorComparison:
    """A series against the anchor."""

    series: Series
    anchor: Series
    rate: MeanDelta  # The difference of bytes at equal PSNR, in percent of the anchor's; negative is a saving.
    psnr: MeanDelta  # The difference of PSNR at equal bytes, in dB.
    gains: dict[int, Gain]  # The gain over the anchor at the bytes of the series' own file under the cap, by cap.
    faces: int  # The number of all faces.


def compare_with_anchor(results: Results, name: str) -> list[AnchorComparison]:
    """Every series but the anchor against it, in the order of the report.

    Raises:
        GrainError: no series has the anchor's name; the text lists those that there are.
    """
    anchor = next((series for series in results.series if name in (series.codec, series.label)), None)
    if anchor is None:
        raise GrainError(f"no codec {name!r} to compare with; there are {', '.join(s.label for s in results.series)}")
    anchor_curves = _curves(results, anchor)
    found = []
    for series in results.series:
        if series != anchor:
            curves = _curves(results, series)
            rate = _averaged(bd_rate(anchor_curves[image], curves[image]) for image in results.images)
            psnr = _averaged(bd_psnr(anchor_curves[image], curves[image]) for image in results.images)
            gains = {cap: gain for cap in results.caps if (gain := _gain(results, series, cap, anchor_curves))}
            found.append(AnchorComparison(series, anchor, rate, psnr, gains, len(results.images)))
    return found


def write_comparisons(path: Path, comparisons: Sequence[AnchorComparison]) -> None:
    """Writes bdrate.tsv: a line for each series; n/a where curves do not overlap."""
    caps = sorted({cap for comparison in comparisons for cap in comparison.gains})
    header = ["codec", "anchor", *RATE_COLUMNS, *PSNR_COLUMNS]
    lines = [[*header, *(name for cap in caps for name in (f"gain_db_at_{cap}", f"faces_at_{cap}"))]]
    for comparison in comparisons:
        names = [comparison.series.label, comparison.anchor.label]
        gains = [cell for cap in caps for cell in _gain_cells(comparison.gains.get(cap))]
        lines.append([*names, *_delta_cells(comparison.rate), *_delta_cells(comparison.psnr), *gains])
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def write_curves(folder: Path, results: Results, pixels: int, settings: dict[str, str]) -> None:
    """Writes a JSON file for each series in the form of CompressAI's benchmark, means over all faces.

    Args:
        folder: created if missing; JSON files of earlier runs are removed from it.
        pixels: the number of pixels of a face.
        settings: the settings of the codecs, by name.
    """
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for series in results.series:
        points = results.curve(series, PSNR, CURVE)
        columns: dict[str, Any] = {"bpp": [8 * point.bytes / pixels for point in points]}
        times = ("encode_seconds", "decode_seconds")
        for column in (*(metric.column for metric in METRICS), *times):
            values = [mean_of(results.points(series, CURVE)[point.point], column) for point in points]
            if column in times or (values and None not in values):
                columns[COMPRESSAI_NAMES.get(column, column)] = values
        content = {"name": series.label, "description": settings.get(series.codec, ""), "results": columns}
        name = "-".join(series.label.replace(",", "").split())
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _curves(results: Results, series: Series) -> dict[str, Curve]:
    """The curve of a series on each face; one without points where it has no file."""
    found: dict[str, list[tuple[float, float]]] = {image: [] for image in results.images}
    for members in results.points(series, CURVE).values():
        for row in members:
            if row.bytes is not None and row.psnr is not None:
                found[row.image].append((row.bytes, row.psnr))
    return {image: Curve(points) for image, points in found.items()}


def _gain(results: Results, series: Series, cap: int, anchor_curves: dict[str, Curve]) -> Gain | None:
    """The gain at the bytes that the series took under a cap; None where the anchor reaches them on no face."""
    gains = []
    for image, row in results.at_cap(cap, series).items():
        level = None if row.bytes is None else anchor_curves[image].psnr_at(row.bytes)
        if level is not None and row.psnr is not None:
            gains.append(row.psnr - level)
    return Gain(statistics.fmean(gains), len(gains)) if gains else None


def _averaged(deltas: Iterable[Delta | None]) -> MeanDelta:
    known = [delta for delta in deltas if delta is not None]
    if not known:
        return MeanDelta(None, 0)
    value, low, high = (statistics.fmean(getattr(each, name) for each in known) for name in ("value", "low", "high"))
    return MeanDelta(Delta(value, low, high), len(known))


def _delta_cells(mean: MeanDelta) -> list[str]:
    """A difference with its overlap as cells of the table."""
    if mean.delta is None:
        return [NOT_AVAILABLE, "", "", "0"]
    return [f"{mean.delta.value:.3f}", f"{mean.delta.low:.2f}", f"{mean.delta.high:.2f}", str(mean.faces)]


def _gain_cells(gain: Gain | None) -> list[str]:
    return [f"{gain.decibels:.3f}", str(gain.faces)] if gain else [NOT_AVAILABLE, "0"]
