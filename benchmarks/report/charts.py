"""The figures of a benchmark: distance over bytes, the spread over faces, and the gain on each face."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace

from grain_codec.benchmarks.report.figure import (
    Dot,
    Figure,
    Line,
    Scale,
    Text,
    axes,
    fitted_scale,
    number,
    spread,
    text_width,
)
from grain_codec.benchmarks.report.palette import series_colour
from grain_codec.benchmarks.tables.contest import Contest, contests_of, lead_of
from grain_codec.benchmarks.tables.results_table import CAP, CURVE, Row, Series
from grain_codec.benchmarks.tables.summary import PSNR, CurvePoint, Metric, Results, is_ours, name_of, spread_of

LABEL_LETTERS = 11
"""Longest line of a label beside a plot, where it can be broken."""

LINE_HEIGHT = 1.1
"""From line to line of a label, in font sizes."""

THICKEST_BAR = 24.0
"""Of a face in the chart of gains."""

LOGARITHMIC_FROM = 3.0
"""The bytes axis is logarithmic when the largest file is so many times the smallest."""


@dataclass(frozen=True)
class Frame:
    """Size of a figure and of its letters, in its own units."""

    width: float = 360
    height: float = 300
    font_size: float = 12


def colours_of(results: Results) -> dict[Series, str]:
    """The colour of each series, the same in every figure of a report."""
    return {series: series_colour(index) for index, series in enumerate(results.series)}


def rate_chart(results: Results, metric: Metric, frame: Frame = Frame()) -> Figure | None:
    """Means over the faces against bytes, one line a series; dashed, of ours and the best other, what one face in
    twenty is worse than.

    Dots are quality levels, rings are caps. Returns None where no series has the metric on every face.
    """
    lines = {series: _points(results, series, metric) for series in results.series}
    lines = {series: points for series, points in lines.items() if points}
    if not lines:
        return None
    detailed = _with_percentiles(results) & set(lines)
    labels = {series: textwrap.wrap(name_of(series), LABEL_LETTERS, break_long_words=False) for series in lines}
    longest = max(text_width(line, frame.font_size) for label in labels.values() for line in label)
    frame = replace(frame, height=max(frame.height, sum(_label_heights(labels.values(), frame.font_size))))
    x, y = _rate_scales(lines, detailed, frame, longest)
    colours = colours_of(results)
    shapes: list[Line | Dot | Text] = [*axes(x, y, "bytes of a file", metric.title, frame.font_size)]
    lead = lead_of(results)
    for series in sorted(lines, key=lambda series: (is_ours(series), series == lead)):
        shapes += _rate_line(series, lines[series], metric, x, y, colours[series], series in detailed)
    shapes += _end_labels(labels, lines, colours, x, y, frame)
    return Figure(
        title=f"{metric.title} over bytes",
        description=f"{_sentence(lines, metric)} The table below the plot has all its values.",
        width=frame.width,
        height=frame.height,
        font_size=frame.font_size,
        shapes=tuple(shapes),
    )


def rate_points(results: Results, metric: Metric) -> list[tuple[Series, str, CurvePoint]]:
    """What `rate_chart` draws: series, "cap" or "curve", and the point."""
    return [
        (series, kind, point)
        for series in results.series
        for kind in (CURVE, CAP)
        for point in results.curve(series, metric, kind)
    ]


def _points(results: Results, series: Series, metric: Metric) -> dict[str, list[CurvePoint]]:
    """A series' points by kind; empty if there are none."""
    kinds = {kind: results.curve(series, metric, kind) for kind in (CURVE, CAP)}
    return {kind: points for kind, points in kinds.items() if points}


def _with_percentiles(results: Results) -> set[Series]:
    """Our leading series and its rival at the largest cap: with more, the plot could not be read."""
    contests = contests_of(results)
    return {contests[-1].lead, contests[-1].rival} if contests else set(filter(None, [lead_of(results)]))


def _rate_scales(
    lines: dict[Series, dict[str, list[CurvePoint]]], detailed: set[Series], frame: Frame, label_width: float
) -> tuple[Scale, Scale]:
    points = [(series, point) for series, kinds in lines.items() for kind in kinds.values() for point in kind]
    values = [point.values.mean for _, point in points]
    values += [point.values.worst for series, point in points if series in detailed]
    sizes = [point.bytes for _, point in points]
    logarithmic = max(sizes) > LOGARITHMIC_FROM * min(sizes)
    size = frame.font_size
    right = frame.width - label_width - size * 1.4
    return (
        fitted_scale(sizes, size * 3.2, right, logarithmic),
        fitted_scale(values, frame.height - size * 3.2, size * 2.2),
    )


def _rate_line(
    series: Series,
    kinds: dict[str, list[CurvePoint]],
    metric: Metric,
    x: Scale,
    y: Scale,
    colour: str,
    with_percentile: bool,
) -> list[Line | Dot]:
    """Joins the quality levels, or the caps of a series that has no levels; marks both."""
    main = kinds.get(CURVE) or kinds[CAP]
    shapes: list[Line | Dot] = []
    if with_percentile and len(main) > 1:
        shapes.append(Line(tuple((x(point.bytes), y(point.values.worst)) for point in main), colour, 1.2, True))
    if len(main) > 1:
        width = 2.2 if is_ours(series) else 1.4
        shapes.append(Line(tuple((x(point.bytes), y(point.values.mean)) for point in main), colour, width))
    for kind, points in kinds.items():
        for point in points:
            title = (
                f"{name_of(series)}, {'at most' if kind == CAP else 'quality'} {point.point}: {point.bytes:.0f} bytes, "
                f"mean {metric.text(point.values.mean)}{metric.unit}, "
                f"one face in twenty worse than {metric.text(point.values.worst)}{metric.unit}"
            )
            radius = 3.4 if kind == CAP else 2.0
            shapes.append(Dot(x(point.bytes), y(point.values.mean), radius, colour, kind == CAP, title))
    return shapes


def _label_heights(labels: Iterable[list[str]], font_size: float) -> list[float]:
    """The room that labels of so many lines take, with a gap between any two."""
    return [(len(label) * LINE_HEIGHT + 0.25) * font_size for label in labels]


def _end_labels(
    labels: dict[Series, list[str]],
    lines: dict[Series, dict[str, list[CurvePoint]]],
    colours: dict[Series, str],
    x: Scale,
    y: Scale,
    frame: Frame,
) -> list[Line | Text]:
    """Each series' name at the right edge, at the height of its last point, joined to it by a thin line."""
    ends = {
        series: max((p for kind in kinds.values() for p in kind), key=lambda p: p.bytes)
        for series, kinds in lines.items()
    }
    ordered = sorted(lines, key=lambda series: y(ends[series].values.mean))
    step = frame.font_size * LINE_HEIGHT
    heights = _label_heights((labels[series] for series in ordered), frame.font_size)
    wanted = [y(ends[series].values.mean) for series in ordered]
    shapes: list[Line | Text] = []
    for series, middle in zip(ordered, spread(wanted, heights, 0, frame.height), strict=True):
        left = x.end + frame.font_size * 0.9
        end = (x(ends[series].bytes) + 4, y(ends[series].values.mean))
        shapes.append(Line((end, (x.end, end[1]), (left - 2, middle)), colours[series], 0.5))
        first = middle - (len(labels[series]) - 1) * step / 2
        for index, text in enumerate(labels[series]):
            shapes.append(Text(left, first + index * step, text, colours[series], bold=is_ours(series)))
    return shapes


def _sentence(lines: dict[Series, dict[str, list[CurvePoint]]], metric: Metric) -> str:
    parts = []
    for series, kinds in lines.items():
        points = sorted((point for kind in kinds.values() for point in kind), key=lambda point: point.bytes)
        ends = [points[0]] if len(points) == 1 else [points[0], points[-1]]
        shown = " to ".join(f"{metric.text(p.values.mean)}{metric.unit} at {p.bytes:.0f} bytes" for p in ends)
        parts.append(f"{name_of(series)}: {shown}.")
    return " ".join(parts)


def spread_chart(results: Results, cap: int, width: float = 360, font_size: float = 12) -> Figure | None:
    """The PSNR of every face at a cap, one line of dots a series, with the mean and the 5th percentile marked."""
    lines = {series: results.at_cap(cap, series) for series in results.series}
    lines = {series: found for series, found in lines.items() if found}
    values = [row.psnr for found in lines.values() for row in found.values() if math.isfinite(row.psnr)]
    if not values:
        return None
    step = font_size * 3.2
    bottom = font_size * 2.2 + step * len(lines)
    x = fitted_scale(values, font_size * 0.5, width - font_size * 0.5)
    colours = colours_of(results)
    shapes: list[Line | Dot | Text] = []
    for value in x.ticks(8):
        shapes.append(Line(((x(value), font_size * 1.2), (x(value), bottom)), "grid"))
        shapes.append(Text(x(value), bottom + font_size, number(value), anchor="middle"))
    shapes.append(Text(width / 2, bottom + font_size * 2.3, PSNR.title, "ink", anchor="middle"))
    for index, (series, found) in enumerate(lines.items()):
        shapes += _spread_line(series, found, x, font_size * 1.8 + step * index, font_size, colours[series])
    means = "; ".join(
        f"{name_of(series)} {spread_of(found.values(), PSNR).mean:.2f}" for series, found in lines.items()
    )
    height = bottom + font_size * 3.2
    title = f"PSNR of every face at {cap} bytes"
    return Figure(title, f"Means in dB: {means}.", width, height, font_size, tuple(shapes))


def _spread_line(
    series: Series, found: dict[str, Row], x: Scale, top: float, font_size: float, colour: str
) -> list[Line | Dot | Text]:
    middle = top + font_size * 1.5
    spread_values = spread_of(found.values(), PSNR)
    note = f"{name_of(series)}: {spread_values.mean:.2f} ({spread_values.worst:.2f})"
    shapes: list[Line | Dot | Text] = [Text(x.start, top, note, colour, bold=is_ours(series))]
    finite = [row for row in found.values() if math.isfinite(row.psnr)]
    shapes += [Dot(x(row.psnr), middle, 2.4, colour, True, f"{row.image}: {row.psnr:.2f} dB") for row in finite]
    for value, width in ((spread_values.mean, 3.0), (spread_values.worst, 1.2)):
        if math.isfinite(value):
            shapes.append(Line(((x(value), middle - 7), (x(value), middle + 7)), "ink", width))
    return shapes


def gain_chart(contest: Contest, width: float = 360, height: float = 220, font_size: float = 12) -> Figure:
    """One bar a face, from the least gain over the ordinary codecs to the most; a loss hangs below zero."""
    gains = sorted(contest.gains.items(), key=lambda item: item[1])
    values = [gain for _, gain in gains]
    finite = [gain for gain in values if math.isfinite(gain)]
    x = Scale(0, len(gains), font_size * 3.2, width - font_size * 0.5)
    y = fitted_scale([*finite, 0.0], height - font_size * 2.4, font_size * 2.2)
    shapes: list[Line | Dot | Text] = [Text(font_size * 0.2, font_size, "gain, dB", "ink", bold=True)]
    for value in y.ticks(7):
        shapes.append(Line(((x.start, y(value)), (x.end, y(value))), "grid"))
        shapes.append(Text(x.start - font_size * 0.5, y(value), number(value), anchor="end"))
    thickness = min(max(0.5, 0.7 * (x.end - x.start) / len(gains)), THICKEST_BAR)
    for index, (_, gain) in enumerate(gains):
        at, shown = x(index + 0.5), min(max(gain, y.low), y.high)
        shapes.append(Line(((at, y(0)), (at, y(shown))), "bad" if gain < 0 else "series-0", thickness))
    shapes.append(Line(((x.start, y(0)), (x.end, y(0))), "muted"))
    faces = f"{len(gains)} faces, from the least gain to the most"
    shapes.append(Text((x.start + x.end) / 2, height - font_size, faces, "ink", anchor="middle"))
    title = f"Gain of {name_of(contest.lead)} on each face at {contest.cap} bytes, over the best ordinary codec on it"
    losses = sum(gain < 0 for gain in values)
    description = f"From {values[0]:+.2f} dB to {values[-1]:+.2f} dB; below zero on {losses} of {len(gains)}."
    return Figure(title, description, width, height, font_size, tuple(shapes))
