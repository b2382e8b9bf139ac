"""A figure as inline SVG: colours are classes of the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

from grain_codec.benchmarks.report.figure import Dot, Figure, Line, Text
from grain_codec.benchmarks.report.markup import Markup, joined, tag

DASHES = "3 3"


def svg(figure: Figure, identifier: str) -> Markup:
    """The figure as an `<svg>` element.

    Args:
        identifier: unique in the page; letters, digits and hyphens.
    """
    return tag(
        "svg",
        tag("title", figure.title, id=f"{identifier}-title"),
        tag("desc", figure.description, id=f"{identifier}-description"),
        *(_shape(shape) for shape in figure.shapes),
        viewBox=f"0 0 {_short(figure.width)} {_short(figure.height)}",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-description",
        font_size=_short(figure.font_size),
    )


def _shape(shape: Line | Dot | Text) -> Markup:
    return {Line: _line, Dot: _dot, Text: _text}[type(shape)](shape)


def _line(line: Line) -> Markup:
    return tag(
        "polyline",
        points=" ".join(f"{_short(x)},{_short(y)}" for x, y in line.points),
        class_=f"line {line.colour}",
        stroke_width=_short(line.width),
        stroke_dasharray=DASHES if line.dashed else None,
    )


def _dot(dot: Dot) -> Markup:
    title = tag("title", dot.title) if dot.title else None
    kind = "ring" if dot.hollow else "disc"
    return tag("circle", title, cx=_short(dot.x), cy=_short(dot.y), r=_short(dot.radius), class_=f"{kind} {dot.colour}")


def _text(text: Text) -> Markup:
    return tag(
        "text",
        joined(text.text),
        x=_short(text.x),
        y=_short(text.y),
        dy="0.35em",
        text_anchor=None if text.anchor == "start" else text.anchor,
        class_=f"{text.colour} bold" if text.bold else text.colour,
    )


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
