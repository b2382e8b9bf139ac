"""The figures of a benchmark: distance over bytes, the spread over the faces, and the gain on each face."""

import io
import math
import textwrap
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from grain_codec.benchmarks.report.chart import LIGHT, SERIES_COLOURS, STYLE, Chart
from grain_codec.benchmarks.tables.cap_comparison import CapComparison, compare_at_caps, leads_of
from grain_codec.benchmarks.tables.rows import CAP, CURVE, Row, Series
from grain_codec.benchmarks.tables.summary import (
    IDENTITY,
    LPIPS,
    PSNR,
    CurvePoint,
    Metric,
    Results,
    is_ours,
    name_of,
    spread_of,
)
from grain_codec.errors import GrainError, printable
from grain_codec.whole_files import write_whole

WIDTH, HEIGHT, LINE_HEIGHT = 390.0, 300.0, 18.0  # Sizes of a figure and of a line in its legend, in CSS pixels.
MARKERS = "osD^vPXp<>"  # By series, so that colour is not all that tells the series apart.
LEGEND_LETTERS = 12  # In the longest line of a name, where the name can be broken.
LOGARITHMIC_FROM = 3.0  # The bytes axis is logarithmic when the largest file is so many times the smallest.

PANEL_WIDTH, LEGEND_WIDTH = 265.0, 100.0
PAPER_DOTS_PER_INCH, PAPER_SCALE = 200, 0.58
"""The size of plot.png: three panels are seven inches wide and letters seven points high, like captions in papers."""

NOTE = "Means over the faces. Filled marks: quality levels; hollow: byte caps; dashed: one face in twenty is worse."


@dataclass(frozen=True)
class Look:
    """How a series is drawn, the same in every figure of a report."""

    colour: str
    marker: str
    line_width: float
    weight: str


RateLines = dict[Series, dict[str, list[CurvePoint]]]  # By series and by kind ("cap" or "curve").


def rate_lines(results: Results, metric: Metric) -> RateLines:
    """The lines that `rate_chart` draws."""
    lines: RateLines = {}
    for series in results.series:
        kinds = {kind: points for kind in (CURVE, CAP) if (points := results.curve(series, metric, kind))}
        if kinds:
            lines[series] = kinds
    return lines


@matplotlib.style.context(STYLE)
def rate_chart(results: Results, metric: Metric) -> Chart | None:
    """Means over the faces against bytes, one line a series; None where no series has the metric on every face."""
    lines = rate_lines(results, metric)
    if not lines:
        return None
    figure = _figure_with_legend(WIDTH, results, lines)
    tooltips = _draw_rate(figure.add_subplot(), results, metric)
    parts = []
    for series in lines:
        points = _points_by_bytes(lines[series])
        ends = points if len(points) == 1 else [points[0], points[-1]]
        shown = " to ".join(f"{metric.text(p.values.mean)}{metric.unit} at {p.bytes:.0f} bytes" for p in ends)
        parts.append(f"{name_of(series)}: {shown}.")
    description = f"{' '.join(parts)} The table below the plot has all its values."
    return Chart(f"{metric.title} over bytes", description, figure, tooltips)


@matplotlib.style.context(STYLE)
def write_plot(rows: Sequence[Row], folder: Path) -> Path:
    """Writes `plot.png`, one panel for each of PSNR, LPIPS and identity distance that was measured.

    Args:
        rows: the rows of a benchmark.
        folder: an existing folder.

    Returns:
        The path of the picture.

    Raises:
        GrainError: there is nothing to draw.
    """
    results = Results(rows)
    lines = {metric: found for metric in (PSNR, LPIPS, IDENTITY) if (found := rate_lines(results, metric))}
    if not lines:
        raise GrainError("plot.png: no codec was measured on every face, so there is nothing to draw")
    drawn = {series for found in lines.values() for series in found}
    figure = _figure_with_legend(PANEL_WIDTH * len(lines) + LEGEND_WIDTH, results, drawn)
    for metric, axes in zip(lines, figure.subplots(1, len(lines), squeeze=False)[0], strict=True):
        _draw_rate(axes, results, metric)
    figure.supxlabel(textwrap.fill(NOTE, 50 * len(lines)), x=0.01, ha="left", size="small", color=LIGHT["muted"])
    stream = io.BytesIO()
    options = {"dpi": (PAPER_DOTS_PER_INCH, PAPER_DOTS_PER_INCH), "optimize": True}
    figure.savefig(stream, format="png", dpi=PAPER_DOTS_PER_INCH * PAPER_SCALE, pil_kwargs=options)
    path = folder / "plot.png"
    write_whole(str(path), stream.getvalue(), force=True)
    return path


@matplotlib.style.context([*STYLE, {"axes.grid.axis": "x", "axes.spines.bottom": False}])
def spread_chart(results: Results, cap: int) -> Chart | None:
    """The PSNR of every face at a cap, one row of rings a series, with the mean and the 5th percentile marked."""
    found = {series: results.at_cap(cap, series) for series in results.series}
    spreads = {series: spread for series, rows in found.items() if (spread := spread_of(rows.values(), PSNR))}
    if not spreads:
        return None
    figure = _new_figure(WIDTH, 60 + 38 * len(spreads))
    axes = figure.add_subplot(xlabel=PSNR.title, yticks=[], ylim=(len(spreads) - 0.6, -0.65))
    tooltips, means = {}, []
    for height, (series, spread) in enumerate(spreads.items()):
        measured = {name: row.psnr for name, row in found[series].items() if row.psnr is not None}
        psnrs = {name: psnr for name, psnr in measured.items() if math.isfinite(psnr)}
        look, group = looks_of(results)[series], f"faces-{height}"
        x, y = list(psnrs.values()), [height] * len(psnrs)
        axes.plot(x, y, "o", c=look.colour, ms=4.8, mew=1.2, mfc=LIGHT["surface"], gid=group)
        tooltips[group] = [f"{name}: {psnr:.2f} dB" for name, psnr in psnrs.items()]
        for value, width in ((spread.mean, 3.0), (spread.worst, 1.2)):
            axes.plot([value, value], [height - 0.18, height + 0.18], c=LIGHT["ink"], lw=width)
        note = f"{printable(name_of(series))}: {spread.mean:.2f} ({spread.worst:.2f})"
        axes.text(0, height - 0.3, note, c=look.colour, weight=look.weight, transform=axes.get_yaxis_transform())
        means.append(f"{name_of(series)} {spread.mean:.2f}")
    return Chart(f"PSNR of every face at {cap} bytes", f"Means in dB: {'; '.join(means)}.", figure, tooltips)


@matplotlib.style.context([*STYLE, {"axes.spines.bottom": False}])
def gain_chart(at_cap: CapComparison) -> Chart:
    """One bar for each face, from the least gain over the ordinary codecs to the most; a loss hangs below zero."""
    gains = sorted(at_cap.gains.values())
    finite = [gain for gain in gains if math.isfinite(gain)]
    figure = _new_figure(WIDTH, 220)
    faces = f"{len(gains)} faces, from the least gain to the most"
    axes = figure.add_subplot(title="gain, dB", xlabel=faces, xticks=[], xlim=(-0.5, len(gains) - 0.5))
    axes.yaxis.set_major_locator(MaxNLocator(7))
    # An infinite gain, of a face without any loss, is drawn as high as the highest of the others.
    heights = [min(max(gain, min(finite, default=-1.0)), max(finite, default=1.0)) for gain in gains]
    colours = [LIGHT["bad"] if gain < 0 else SERIES_COLOURS[0] for gain in gains]
    axes.bar(range(len(gains)), heights, width=min(0.7, 0.075 * len(gains)), color=colours)
    axes.axhline(0, color=LIGHT["muted"], lw=1)
    title = f"Gain of {name_of(at_cap.lead)} on each face at {at_cap.cap} bytes, over the best ordinary codec on it"
    losses = sum(gain < 0 for gain in gains)
    description = f"From {gains[0]:+.2f} dB to {gains[-1]:+.2f} dB; below zero on {losses} of {len(gains)}."
    return Chart(title, description, figure, {})


def byte_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers of bytes from `low` to `high`, as many as have room on a logarithmic axis."""
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    ticks: list[float] = []
    for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * decade for decade in decades for factor in factors if low <= factor * decade <= high]
        if len(ticks) <= most:
            break
    return ticks


def _draw_rate(axes: Axes, results: Results, metric: Metric) -> dict[str, list[str]]:
    """Draws means over the faces against bytes, and returns the tooltips of the marks.

    Filled marks are quality levels, hollow ones are caps. What one face in twenty is worse than is dashed, for our
    leading series and their rivals only: more dashed lines could not be told apart.
    """
    lines, leads = rate_lines(results, metric), leads_of(results)
    at_largest_cap = next(reversed(compare_at_caps(results).values()), [])
    with_percentile = {*leads, *(comparison.rival for comparison in at_largest_cap)}
    tooltips: dict[str, list[str]] = {}
    # What lies above is drawn last: our models, and of them the leading ones.
    for series in sorted(lines, key=lambda series: (is_ours(series), series in leads)):
        # The line joins the quality levels, or the caps of a series that has no levels.
        joined = lines[series].get(CURVE) or lines[series][CAP]
        sizes = [point.bytes for point in joined]
        means, worst = ([getattr(point.values, part) for point in joined] for part in ("mean", "worst"))
        look = looks_of(results)[series]
        axes.plot(sizes, means, c=look.colour, lw=look.line_width)
        if series in with_percentile:
            axes.plot(sizes, worst, c=look.colour, lw=1.2, ls=(0, (2.5, 2.5)))
        for kind, points in lines[series].items():
            group = f"marks-{len(tooltips)}"
            size, inside = (6.5, LIGHT["surface"]) if kind == CAP else (4.0, look.colour)
            x, y = [point.bytes for point in points], [point.values.mean for point in points]
            axes.plot(x, y, look.marker, c=look.colour, ms=size, mew=1.2, mfc=inside, gid=group)
            tooltips[group] = [_tooltip(series, kind, point, metric) for point in points]
    axes.set(title=metric.title.replace(" (", "\n("), xlabel="bytes of a file")
    axes.yaxis.set_major_locator(MaxNLocator(7))
    _set_byte_axis(axes, [point.bytes for kinds in lines.values() for point in _points_by_bytes(kinds)])
    return tooltips


def _set_byte_axis(axes: Axes, sizes: Sequence[float]) -> None:
    if max(sizes) > LOGARITHMIC_FROM * min(sizes):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(byte_ticks(*axes.get_xlim())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _tooltip(series: Series, kind: str, point: CurvePoint, metric: Metric) -> str:
    return (
        f"{name_of(series)}, {'at most' if kind == CAP else 'quality'} {point.point}: {point.bytes:.0f} bytes, "
        f"mean {metric.text(point.values.mean)}{metric.unit}, "
        f"one face in twenty worse than {metric.text(point.values.worst)}{metric.unit}"
    )


def _figure_with_legend(width: float, results: Results, drawn: Container[Series]) -> Figure:
    """An empty figure, high enough for the legend beside the plots, which names series in the order of the tables."""
    looks = {series: look for series, look in looks_of(results).items() if series in drawn}
    names = [textwrap.fill(printable(name_of(each)), LEGEND_LETTERS, break_long_words=False) for each in looks]
    figure = _new_figure(width, max(HEIGHT, 30 + LINE_HEIGHT * sum(name.count("\n") + 1 for name in names)))
    handles = [
        Line2D([], [], label=name, c=look.colour, lw=look.line_width, marker=look.marker, ms=4.5)
        for name, look in zip(names, looks.values(), strict=True)
    ]
    legend = figure.legend(handles=handles, loc="outside right upper", labelcolor="linecolor", handlelength=1.5)
    for text, look in zip(legend.get_texts(), looks.values(), strict=True):
        text.set_fontweight(look.weight)
    return figure


def looks_of(results: Results) -> dict[Series, Look]:
    """How each series is drawn; our models stand out. Colours and markers begin again after the last."""
    return {
        series: Look(
            SERIES_COLOURS[index % len(SERIES_COLOURS)],
            MARKERS[index % len(MARKERS)],
            line_width=2.2 if is_ours(series) else 1.3,
            weight="bold" if is_ours(series) else "normal",
        )
        for index, series in enumerate(results.series)
    }


def _points_by_bytes(kinds: dict[str, list[CurvePoint]]) -> list[CurvePoint]:
    return sorted((point for points in kinds.values() for point in points), key=lambda point: point.bytes)


def _new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in CSS pixels."""
    figure = Figure(layout="constrained")
    figure.set_size_inches(width / figure.dpi, height / figure.dpi)
    return figure
