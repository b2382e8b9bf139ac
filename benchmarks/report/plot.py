"""`plot.png`: distances over bytes side by side, for papers; drawn with Pillow, so that it needs no other package."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from grain_codec.benchmarks.report.charts import Frame, rate_chart
from grain_codec.benchmarks.report.figure import Dot, Figure, Line, Text, text_width
from grain_codec.benchmarks.report.palette import LIGHT
from grain_codec.benchmarks.tables.results_table import Row
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, PSNR, Results
from PIL import Image, ImageDraw, ImageFont

from grain_codec.errors import GrainError

DOTS_PER_INCH = 200
UNITS_PER_INCH = 125
"""Letters of 13 units are then 7.5 points high, the size of a paper's captions; three panels are 7.1 inches wide."""

OVERSAMPLING = 4
"""Pillow draws lines without smoothing; the figure is drawn so many times as large and averaged."""

PANEL = Frame(width=296, height=270, font_size=13)
NOTE = "Means over the faces. Dots: quality levels; rings: byte caps; dashed: one face in twenty is worse."


def write_plot(rows: Sequence[Row], folder: Path) -> Path:
    """Writes `plot.png`, one panel for each of PSNR, LPIPS and identity distance that was measured.

    Args:
        rows: of a benchmark.
        folder: that exists.

    Returns:
        The path of the picture.

    Raises:
        GrainError: there is nothing to draw.
    """
    results = Results(rows)
    figures = [figure for metric in (PSNR, LPIPS, IDENTITY) if (figure := rate_chart(results, metric, PANEL))]
    if not figures:
        raise GrainError("plot.png: no codec was measured on every face, so there is nothing to draw")
    sheet = _sheet([panel(figure) for figure in figures], panel(_note(len(figures) * PANEL.width)))
    path = folder / "plot.png"
    sheet.save(path, dpi=(DOTS_PER_INCH, DOTS_PER_INCH), optimize=True)
    return path


def _note(width: float) -> Figure:
    """What the marks mean, in as many lines as the width needs."""
    size = PANEL.font_size * 0.85
    lines = textwrap.wrap(NOTE, int(width / text_width("n", size)))
    texts = tuple(Text(size * 0.3, size * (0.8 + 1.3 * index), line) for index, line in enumerate(lines))
    return Figure("", NOTE, width, size * 1.3 * (len(lines) + 0.3), size, texts)


def _sheet(panels: Sequence[Image.Image], note: Image.Image) -> Image.Image:
    """The panels from left to right, and the note below them."""
    width, height = sum(image.width for image in panels), max(image.height for image in panels)
    sheet = Image.new("RGB", (width, height + note.height), LIGHT["surface"])
    left = 0
    for image in panels:
        sheet.paste(image, (left, 0))
        left += image.width
    sheet.paste(note, (0, height))
    return sheet


def panel(figure: Figure) -> Image.Image:
    """One figure in pixels."""
    scale = DOTS_PER_INCH / UNITS_PER_INCH * OVERSAMPLING
    size = round(figure.width * scale), round(figure.height * scale)
    image = Image.new("RGB", size, LIGHT["surface"])
    pen = ImageDraw.Draw(image)
    for shape in figure.shapes:
        _draw(pen, shape, scale, figure.font_size)
    return image.reduce(OVERSAMPLING)


def _draw(pen: ImageDraw.ImageDraw, shape: Line | Dot | Text, scale: float, font_size: float) -> None:
    colour = LIGHT[shape.colour]
    if isinstance(shape, Text):
        font = ImageFont.load_default(font_size * scale)
        anchor = {"start": "l", "middle": "m", "end": "r"}[shape.anchor] + "s"
        at = shape.x * scale, (shape.y + font_size * 0.35) * scale
        # The built-in font has one weight; a thin outline in the same colour makes it bold.
        outline = round(font_size * scale / 52) if shape.bold else 0
        pen.text(at, shape.text, colour, font, anchor, stroke_width=outline)
    elif isinstance(shape, Dot):
        centre = shape.x * scale, shape.y * scale
        if shape.hollow:
            pen.circle(centre, (shape.radius + 0.6) * scale, LIGHT["surface"], colour, round(1.2 * scale))
        else:
            pen.circle(centre, shape.radius * scale, colour)
    else:
        for points in _dashes(shape) if shape.dashed else [shape.points]:
            pen.line([(x * scale, y * scale) for x, y in points], colour, round(shape.width * scale), "curve")


def _dashes(line: Line, length: float = 3) -> list[tuple[tuple[float, float], ...]]:
    """The drawn stretches of a dashed line: `length` units drawn, as many left out."""
    stretches: list[tuple[tuple[float, float], ...]] = []
    walked = 0.0
    for (x, y), (next_x, next_y) in zip(line.points, line.points[1:]):
        distance = ((next_x - x) ** 2 + (next_y - y) ** 2) ** 0.5
        at = 0.0
        while at < distance:
            phase = (walked + at) % (2 * length)
            end = min(distance, at + (length - phase if phase < length else 2 * length - phase) + 1e-9)
            if phase < length:
                ends = [(x + (next_x - x) * t / distance, y + (next_y - y) * t / distance) for t in (at, end)]
                stretches.append(tuple(ends))
            at = end
        walked += distance
    return stretches
