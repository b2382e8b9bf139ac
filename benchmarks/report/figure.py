"""A figure as plain shapes: scales, ticks, axes and labels, before it is SVG or pixels.

The same figure is written into the report (svg.py) and drawn for papers (plot.py). Coordinates are in units of about
a CSS pixel, from the upper left corner. Colours are names of `palette.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LETTER_WIDTH = 0.56
"""Width of a letter in font sizes, on average over sans-serif fonts; only for room, never for placing letters."""


@dataclass(frozen=True)
class Line:
    """A line through points `(x, y)`."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    """A disc or, hollow, a ring; `title` is what a pointer on it is told."""

    x: float
    y: float
    radius: float
    colour: str
    hollow: bool = False
    title: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is the middle of its small letters, `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    colour: str = "muted"
    anchor: str = "start"
    bold: bool = False


@dataclass(frozen=True)
class Figure:
    """Shapes in the order in which they are drawn, and what a screen reader says instead."""

    title: str
    description: str
    width: float
    height: float
    font_size: float
    shapes: tuple[Line | Dot | Text, ...]


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto positions from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The position of a value."""
        low, high, value = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self, most: int) -> list[float]:
        """Round values inside the scale, at most so many."""
        candidates = _logarithmic_ticks if self.logarithmic else _linear_ticks
        return candidates(self.low, self.high, most)


def fitted_scale(values: Sequence[float], start: float, end: float, logarithmic: bool = False) -> Scale:
    """A scale that holds all values with a little room on both sides.

    Args:
        values: at least one; above zero if `logarithmic`.
    """
    low, high = min(values), max(values)
    if logarithmic:
        room = max((high / low) ** 0.05, 1.02)
        return Scale(low / room, high * room, start, end, True)
    room = max((high - low) * 0.06, abs(high) * 0.005, 1e-6)
    return Scale(low - room, high + room, start, end)


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    power = 10 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (power * factor) <= most)
    return [round(index * step, 10) for index in range(math.ceil(low / step), math.floor(high / step) + 1)][:most]


def _logarithmic_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10**decade for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]


def number(value: float) -> str:
    """A tick's value without idle zeros, with the sign for minus that is as wide as a plus."""
    return f"{value:.10g}".replace("-", "−")


def axes(x: Scale, y: Scale, x_title: str, y_title: str, font_size: float) -> list[Line | Text]:
    """Grid, tick labels and titles; the vertical axis is named above it, so that no text is turned."""
    left, right, bottom, top = x.start, x.end, y.start, y.end
    shapes: list[Line | Text] = [Text(font_size * 0.2, top - font_size * 1.2, y_title, "ink", bold=True)]
    for value in y.ticks(7):
        at = y(value)
        shapes.append(Line(((left, at), (right, at)), "grid"))
        shapes.append(Text(left - font_size * 0.5, at, number(value), anchor="end"))
    # Labels of four letters, with the room of one and a half between them.
    for value in x.ticks(int((right - left) / (font_size * LETTER_WIDTH * 5.5))):
        at = x(value)
        shapes.append(Line(((at, bottom), (at, bottom + font_size * 0.35)), "muted"))
        shapes.append(Text(at, bottom + font_size, number(value), anchor="middle"))
    shapes.append(Line(((left, bottom), (right, bottom)), "muted"))
    shapes.append(Text((left + right) / 2, bottom + font_size * 2.3, x_title, "ink", anchor="middle"))
    return shapes


def text_width(text: str, font_size: float) -> float:
    """About how wide a text is."""
    return len(text) * font_size * LETTER_WIDTH


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Middles of labels, near where they are wanted, in the same order and without overlap.

    Args:
        wanted: middle of each label, ascending.
        heights: of each label.
        low, high: where the first may begin and the last should end; if they need more room, they exceed `high`.
    """
    middles: list[float] = []
    for index, (middle, height) in enumerate(zip(wanted, heights, strict=True)):
        above = middles[-1] + heights[index - 1] / 2 if middles else low
        middles.append(max(middle, above + height / 2))
    limit = high
    for index in reversed(range(len(middles))):
        middles[index] = min(middles[index], limit - heights[index] / 2)
        limit = middles[index] - heights[index] / 2
    overflow = low - limit
    return [middle + overflow for middle in middles] if overflow > 0 else middles
