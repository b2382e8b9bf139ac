"""The picture for papers: its size on paper, its panels, and lines where the rows put them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from grain_codec.benchmarks.report.figure import Figure, Line, Text
from grain_codec.benchmarks.report.palette import LIGHT
from grain_codec.benchmarks.report.plot import DOTS_PER_INCH, panel, write_plot
from grain_codec.benchmarks.tables.results_table import Row
from PIL import Image, ImageColor

from grain_codec.errors import GrainError


def share_of(image: Image.Image, name: str) -> float:
    """How much of a picture has exactly a colour of the palette."""
    return float((np.asarray(image) == ImageColor.getrgb(LIGHT[name])).all(-1).mean())


def test_three_panels_as_wide_as_a_page_at_200_dots_an_inch(rows: list[Row], tmp_path: Path):
    path = write_plot(rows, tmp_path)
    assert path == tmp_path / "plot.png"
    image = Image.open(path)
    assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert 6.5 < image.width / DOTS_PER_INCH < 7.5
    assert image.getpixel((0, 0)) == image.getpixel((image.width - 1, image.height - 1)) == (255, 255, 255)
    for third in range(3):
        part = image.crop((third * image.width // 3, 0, (third + 1) * image.width // 3, image.height))
        assert share_of(part, "series-0") > 0.001


def test_only_what_was_measured_has_a_panel(rows: list[Row], tmp_path: Path):
    whole = Image.open(write_plot(rows, tmp_path)).width
    plain = [dataclasses.replace(row, lpips=None, identity=None) for row in rows]
    assert Image.open(write_plot(plain, tmp_path)).width == pytest.approx(whole / 3, abs=2)


def test_nothing_measured_is_an_error_and_no_file(rows: list[Row], tmp_path: Path):
    empty = [dataclasses.replace(row, bytes=None, psnr=None, lpips=None, identity=None) for row in rows]
    with pytest.raises(GrainError, match="nothing to draw"):
        write_plot(empty, tmp_path)
    assert not list(tmp_path.iterdir())


def drawn(*shapes: object) -> np.ndarray:
    """How dark each pixel of a panel of 100 by 50 units is, from 0 to 1."""
    return 1 - np.asarray(panel(Figure("", "", 100, 50, 10, shapes)).convert("L")) / 255


def test_a_line_is_where_it_should_be():
    dark = drawn(Line(((10, 25), (90, 25)), "ink", 2))
    rows, columns = np.nonzero(dark)
    scale = dark.shape[1] / 100
    assert rows.mean() / scale == pytest.approx(25, abs=0.5)
    assert (columns.min() / scale, columns.max() / scale) == pytest.approx((10, 90), abs=0.7)


def test_dashes_go_on_through_corners_and_draw_half_of_the_line():
    points = ((10.0, 25.0), (31.7, 25.0), (55.1, 25.0), (90.0, 25.0))
    solid, dashed = (drawn(Line(points, "ink", 2, dashed)) for dashed in (False, True))
    assert (dashed <= solid + 0.01).all()
    assert dashed.sum() / solid.sum() == pytest.approx(0.53, abs=0.06)


@pytest.mark.parametrize(("anchor", "held"), [("start", 0.0), ("middle", 0.5), ("end", 1.0)])
def test_text_is_anchored(anchor: str, held: float):
    dark = drawn(Text(50, 25, "nnnn", "ink", anchor))
    rows, columns = np.nonzero(dark)
    left, right = columns.min(), columns.max()
    scale = dark.shape[1] / 100
    assert (left + held * (right - left)) / scale == pytest.approx(50, abs=1.5)
    assert rows.mean() / scale == pytest.approx(25, abs=1.5)
