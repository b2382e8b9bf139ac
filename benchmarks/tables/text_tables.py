"""A run in words, for the terminal: every codec at every cap, and against the anchor."""

import statistics
from collections.abc import Sequence

from grain_codec.benchmarks.tables.anchor_comparison import NOT_AVAILABLE, AnchorComparison, MeanDelta
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import METRICS, Metric, Results, all_values, mean_of, name_of, spread_of


def caps_text(results: Results) -> str:
    """A table for each cap: mean and, in brackets, 5th percentile of every metric, and medians of the seconds."""
    metrics = [metric for metric in METRICS if results.measured(metric)]
    head = ["", "faces", "bytes", "payload", *(metric.column for metric in metrics), "encode s", "decode s"]
    blocks = []
    for cap in results.caps:
        table = [head]
        for series in results.series:
            rows = list(results.at_cap(cap, series).values())
            cells = _cells(rows, metrics) if rows else ["none fits", *[""] * (len(head) - 3)]
            table.append([name_of(series), f"{len(rows)}/{len(results.images)}", *cells])
        blocks.append(f"at most {cap} bytes\n{_aligned(table)}")
    return "\n\n".join(blocks)


def comparisons_text(comparisons: Sequence[AnchorComparison]) -> str:
    """BD-rate and BD-PSNR with their overlaps."""
    if not comparisons:
        return ""
    table = [["", "BD-rate", "over PSNR, dB", "faces", "BD-PSNR", "over bytes", "faces"]]
    for each in comparisons:
        rate = _delta_cells(each.rate, each.faces, "+.1f", " %", ".1f")
        psnr = _delta_cells(each.psnr, each.faces, "+.2f", " dB", ".0f")
        table.append([name_of(each.series), *rate, *psnr])
    return f"against {name_of(comparisons[0].anchor)}, curves, mean over the faces\n{_aligned(table)}"


def _cells(rows: Sequence[Row], metrics: Sequence[Metric]) -> list[str]:
    """Mean bytes of file and payload, the metrics, and the seconds."""
    sizes = [mean_of(rows, column) for column in ("bytes", "payload_bytes")]
    cells = [NOT_AVAILABLE if size is None else f"{size:.0f}" for size in sizes]
    for metric in metrics:
        spread = spread_of(rows, metric)
        cells.append(f"{metric.text(spread.mean)} ({metric.text(spread.worst)})" if spread else NOT_AVAILABLE)
    for column in ("encode_seconds", "decode_seconds"):
        seconds = all_values(rows, column)
        cells.append(f"{statistics.median(seconds):.3f}" if seconds else NOT_AVAILABLE)
    return cells


def _delta_cells(mean: MeanDelta, faces: int, form: str, unit: str, overlap_form: str) -> list[str]:
    """A difference, its overlap, and on how many of the faces there is one."""
    count = f"{mean.faces}/{faces}"
    if mean.delta is None:
        return [NOT_AVAILABLE, "", count]
    delta = mean.delta
    return [f"{delta.value:{form}}{unit}", f"{delta.low:{overlap_form}} to {delta.high:{overlap_form}}", count]


def _aligned(table: list[list[str]]) -> str:
    """Columns side by side, the first to the left and the others to the right."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for first, *others in table:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
