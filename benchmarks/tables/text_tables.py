"""A run in words, for the terminal: every codec at every cap, and against the anchor."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from grain_codec.benchmarks.tables.comparison import NOT_AVAILABLE, Comparison, spread_text
from grain_codec.benchmarks.tables.results_table import Row
from grain_codec.benchmarks.tables.summary import METRICS, Results, name_of, spread_of


def caps_text(rows: Sequence[Row]) -> str:
    """A table for each cap: mean and, in brackets, 5th percentile of every metric, and medians of the seconds."""
    results = Results(rows)
    metrics = [metric for metric in METRICS if results.measured(metric)]
    head = ["", "faces", "bytes", "payload", *(metric.column for metric in metrics), "encode s", "decode s"]
    blocks = []
    for cap in results.caps:
        table = [head]
        for series in results.series:
            members = list(results.at_cap(cap, series).values())
            count = f"{len(members)}/{len(results.images)}"
            if not members:
                table.append([name_of(series), count, "none fits", *[""] * (len(head) - 3)])
                continue
            spreads = [spread_text(spread_of(members, metric), metric.digits) for metric in metrics]
            table.append([name_of(series), count, *_sizes(members), *spreads, *_seconds(members)])
        blocks.append(f"at most {cap} bytes\n{_aligned(table)}")
    return "\n\n".join(blocks)


def comparison_text(comparisons: Sequence[Comparison]) -> str:
    """BD-rate and BD-PSNR with their overlaps."""
    if not comparisons:
        return ""
    table = [["", "BD-rate", "over PSNR, dB", "faces", "BD-PSNR", "over bytes", "faces"]]
    for comparison in comparisons:
        rate, psnr = comparison.rate.delta, comparison.psnr.delta
        table.append(
            [name_of(comparison.series)]
            + [f"{rate.value:+.1f} %" if rate else NOT_AVAILABLE, f"{rate.low:.1f} to {rate.high:.1f}" if rate else ""]
            + [f"{comparison.rate.faces}/{comparison.faces}"]
            + [f"{psnr.value:+.2f} dB" if psnr else NOT_AVAILABLE, f"{psnr.low:.0f} to {psnr.high:.0f}" if psnr else ""]
            + [f"{comparison.psnr.faces}/{comparison.faces}"]
        )
    return f"against {name_of(comparisons[0].anchor)}, curves, mean over the faces\n{_aligned(table)}"


def _sizes(members: list[Row]) -> list[str]:
    """Mean bytes of the file and of its payload."""
    payloads = [row.payload_bytes for row in members]
    payload = NOT_AVAILABLE if None in payloads else f"{statistics.fmean(payloads):.0f}"
    return [f"{statistics.fmean(row.bytes for row in members):.0f}", payload]


def _seconds(members: list[Row]) -> list[str]:
    return [
        f"{statistics.median(values):.3f}" if None not in values else NOT_AVAILABLE
        for values in ([row.encode_seconds for row in members], [row.decode_seconds for row in members])
    ]


def _aligned(table: list[list[str]]) -> str:
    """Columns side by side, the first to the left and the others to the right."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for first, *others in table:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
