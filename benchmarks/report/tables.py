"""The tables of the report: every codec at the caps, the values behind a plot, every face."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from grain_codec.benchmarks.report.charts import rate_points
from grain_codec.benchmarks.report.markup import Markup, tag
from grain_codec.benchmarks.report.page import table, table_row
from grain_codec.benchmarks.tables.bdrate import Delta
from grain_codec.benchmarks.tables.comparison import NOT_AVAILABLE, Comparison
from grain_codec.benchmarks.tables.contest import Contest
from grain_codec.benchmarks.tables.results_table import CAP, Row
from grain_codec.benchmarks.tables.summary import METRICS, PSNR, Metric, Results, is_ours, name_of, spread_of

NOT_MEASURED = "–"


def caps_table(results: Results) -> Markup:
    """Every codec at every cap: means over the faces that fit, with the 5th percentile of PSNR."""
    metrics = [metric for metric in METRICS if results.measured(metric)]
    metric_heads = [head for metric in metrics for head in _metric_heads(metric)]
    sizes = ["bytes, mean", "largest", "without container"]
    head = ["codec", "faces that fit", *sizes, *metric_heads, "encode, s", "decode, s"]
    bodies = [body for cap in results.caps if (body := _cap_body(results, cap, metrics, len(head)))]
    return table("Every codec at the caps: means over the faces that fit; times are medians", head, *bodies)


def _metric_heads(metric: Metric) -> list[str]:
    return [metric.title, "PSNR, 5th percentile"] if metric == PSNR else [metric.title]


def _cap_body(results: Results, cap: int, metrics: Sequence[Metric], columns: int) -> Markup:
    faces = len(results.images)
    found = {series: list(results.at_cap(cap, series).values()) for series in results.series}
    best = {
        metric: _best([members for members in found.values() if len(members) == faces], metric) for metric in metrics
    }
    title = tag("th", tag("span", f"At most {cap} bytes"), scope="rowgroup", colspan=columns)
    lines = [tag("tr", title)]
    for series, members in found.items():
        tried = results.tried(cap, series)
        fits = f"{len(members)} of {len(tried)}"
        class_ = "ours" if is_ours(series) else None
        if members:
            lines.append(table_row(name_of(series), fits, *_cap_cells(members, metrics, best), class_=class_))
        elif tried:
            nothing = tag("td", "none fits", colspan=columns - 2, class_="none")
            lines.append(table_row(name_of(series), fits, nothing, class_=class_))
    return tag("tbody", *lines)


def _cap_cells(members: Sequence[Row], metrics: Sequence[Metric], best: dict[Metric, str | None]) -> list[object]:
    sizes = [row.bytes for row in members]
    payloads = [row.payload_bytes for row in members]
    payload = NOT_MEASURED if None in payloads else f"{statistics.fmean(payloads):.0f}"
    cells: list[object] = [f"{statistics.fmean(sizes):.0f}", max(sizes), payload]
    for metric in metrics:
        values = spread_of(members, metric)
        text = metric.text(values.mean) if values else NOT_MEASURED
        cells.append(tag("td", text, class_="best" if text == best[metric] else None))
        if metric == PSNR:
            cells.append(metric.text(values.worst) if values else NOT_MEASURED)
    return [*cells, _median(members, "encode_seconds"), _median(members, "decode_seconds")]


def _best(candidates: list[list[Row]], metric: Metric) -> str | None:
    """The best mean among codecs that every face fits in, as the table writes it."""
    means = [values.mean for members in candidates if (values := spread_of(members, metric))]
    choose: Callable[[list[float]], float] = max if metric.higher_is_nearer else min
    return metric.text(choose(means)) if means else None


def _median(members: Sequence[Row], column: str) -> str:
    values = [value for row in members if (value := getattr(row, column)) is not None]
    return f"{statistics.median(values):.2g}" if values else NOT_MEASURED


def comparison_table(comparisons: Sequence[Comparison]) -> Markup:
    """Every codec against the anchor: BD-rate and BD-PSNR with their overlaps, and the dB at equal bytes."""
    caps = sorted({cap for comparison in comparisons for cap in comparison.gains})
    head = ["codec", "BD-rate", "over PSNR, dB", "faces", "BD-PSNR", "over bytes", "faces"]
    head += [f"at equal bytes, cap {cap}" for cap in caps]
    lines = [
        table_row(
            name_of(comparison.series),
            *_delta_cells(comparison.rate.delta, "{:+.1f} %", 1),
            f"{comparison.rate.faces} of {comparison.faces}",
            *_delta_cells(comparison.psnr.delta, "{:+.2f} dB", 0),
            f"{comparison.psnr.faces} of {comparison.faces}",
            *(_gain_cell(comparison, cap) for cap in caps),
            class_="ours" if is_ours(comparison.series) else None,
        )
        for comparison in comparisons
    ]
    anchor = name_of(comparisons[0].anchor)
    return table(
        f"Against {anchor}, face by face: means over the faces on which the curves overlap", head, tag("tbody", *lines)
    )


def _delta_cells(delta: Delta | None, form: str, digits: int) -> tuple[str, str]:
    """A difference and the overlap that it is the mean over."""
    if delta is None:
        return NOT_AVAILABLE, NOT_MEASURED
    return signed(form.format(delta.value)), f"{delta.low:.{digits}f} to {delta.high:.{digits}f}"


def _gain_cell(comparison: Comparison, cap: int) -> str:
    """dB above the anchor at the bytes of the codec's own files, and on how many faces the anchor takes so many."""
    if cap not in comparison.gains:
        return NOT_AVAILABLE
    gain, faces = comparison.gains[cap]
    return signed(f"{gain:+.2f} dB") + (f" ({faces})" if faces < comparison.faces else "")


def signed(text: str) -> str:
    """A number with the sign for minus that is as wide as a plus."""
    return text.replace("-", "−")


def rate_table(results: Results, metric: Metric) -> Markup:
    """The values that a plot draws."""
    lines = [
        table_row(
            name_of(series),
            f"at most {point.point} bytes" if kind == CAP else point.point,
            f"{point.bytes:.0f}",
            metric.text(point.values.mean),
            metric.text(point.values.worst),
        )
        for series, kind, point in rate_points(results, metric)
    ]
    head = ["codec", "cap or quality", "bytes, mean", "mean", "one face in twenty is worse than"]
    return table(f"{metric.title}: the values of the plot", head, tag("tbody", *lines))


def faces_table(results: Results, contest: Contest) -> Markup:
    """Our codec and its rival on every face at a cap, the face with the least gain first."""
    mine, theirs = results.at_cap(contest.cap, contest.lead), results.at_cap(contest.cap, contest.rival)
    lines = []
    for name in sorted(mine, key=lambda name: contest.gains.get(name, float("inf"))):
        gain = contest.gains.get(name)
        text = NOT_MEASURED if gain is None else signed(f"{gain:+.2f}")
        rival = theirs.get(name)
        lines.append(
            table_row(
                name,
                mine[name].bytes,
                PSNR.text(mine[name].psnr),
                rival.bytes if rival else NOT_MEASURED,
                PSNR.text(rival.psnr) if rival else NOT_MEASURED,
                tag("td", text, class_="bad" if gain is not None and gain < 0 else None),
            )
        )
    ours, other = name_of(contest.lead), name_of(contest.rival)
    head = [
        "face",
        f"{ours}, bytes",
        "PSNR, dB",
        f"{other}, bytes",
        "PSNR, dB",
        "gain over the best ordinary codec, dB",
    ]
    return table(f"Every face at {contest.cap} bytes", head, tag("tbody", *lines))
