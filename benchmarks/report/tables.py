"""The cells of the report's tables that take more than formatting one value."""

import statistics
from collections.abc import Sequence

from grain_codec.benchmarks.tables.cap_comparison import CapComparison
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, METRICS, Metric, Results, name_of, spread_of

NOT_MEASURED = "–"


def mean_text(rows: Sequence[Row], column: str) -> str:
    """The mean of a column in bytes, if it is known of every row."""
    values = [getattr(row, column) for row in rows]
    return NOT_MEASURED if None in values else f"{statistics.fmean(values):.0f}"


def median_text(rows: Sequence[Row], column: str) -> str:
    """The median of a column in seconds, over the rows that have it."""
    values = [value for row in rows if (value := getattr(row, column)) is not None]
    return f"{statistics.median(values):.2g}" if values else NOT_MEASURED


def best_texts(results: Results, cap: int) -> dict[Metric, str]:
    """The best mean of each metric among the codecs that every face fits in at a cap, as the table writes it."""
    found = [results.at_cap(cap, series) for series in results.series]
    complete = [members.values() for members in found if len(members) == len(results.images)]
    best = {}
    for metric in METRICS:
        if means := [spread.mean for rows in complete if (spread := spread_of(rows, metric))]:
            best[metric] = metric.text(max(means) if metric.higher_is_nearer else min(means))
    return best


def distance_texts(results: Results, comparison: CapComparison) -> list[str]:
    """LPIPS and identity distance of ours and of the rival, where measured: means over the faces that both fit."""
    ours, theirs = (results.at_cap(comparison.cap, series) for series in (comparison.lead, comparison.rival))
    shared = [name for name in ours if name in theirs]
    texts = []
    for metric, title in ((LPIPS, "LPIPS"), (IDENTITY, "identity distance")):
        means = [spread_of([rows[name] for name in shared], metric) for rows in (ours, theirs)]
        if all(means):
            mine, other = (metric.text(spread.mean) for spread in means if spread)
            texts.append(f"{title} {mine} ({name_of(comparison.rival)} {other})")
    return texts


def signed(value: float, form: str) -> str:
    """A formatted number with the sign for minus that is as wide as a plus."""
    return format(value, form).replace("-", "−")
