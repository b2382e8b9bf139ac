"""The figures hold every point of the rows, at its place, inside their edges."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from grain_codec.benchmarks.report.chart import LIGHT, SERIES_COLOURS, Chart, inline_svg
from grain_codec.benchmarks.report.figures import (
    PAPER_DOTS_PER_INCH,
    byte_ticks,
    gain_chart,
    looks_of,
    rate_chart,
    rate_lines,
    spread_chart,
    write_plot,
)
from grain_codec.benchmarks.tables.cap_comparison import CapComparison, compare_at_caps
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import LPIPS, PSNR, Metric, Results
from grain_codec.errors import GrainError


def marks_of(chart: Chart) -> dict[str, tuple[float, float]]:
    """Where each mark of a chart is in the SVG, by its tooltip."""
    marks = ElementTree.fromstring(inline_svg(chart, "chart")).iter("use")
    return {
        mark.findtext("title", ""): (float(mark.attrib["x"]), float(mark.attrib["y"]))
        for mark in marks
        if mark.find("title") is not None
    }


@pytest.mark.parametrize("metric", [PSNR, LPIPS], ids=["psnr", "lpips"])
def test_a_point_is_at_its_mean_bytes_and_mean_distance(rows: list[Row], metric: Metric):
    marks = marks_of(rate_chart(Results(rows), metric))
    members = [row for row in rows if row.codec == "webp" and row.kind == "cap" and row.point == "400"]
    (title,) = [title for title in marks if title.startswith("WebP, at most 400:")]
    assert f"{statistics.fmean(row.bytes for row in members):.0f} bytes" in title
    assert f"mean {metric.text(statistics.fmean(getattr(row, metric.column) for row in members))}" in title
    places = {title.partition(":")[0]: place for title, place in marks.items()}
    low, middle, high = (places[f"WebP, quality {size}"] for size in (150, 600, 1200))
    # A logarithmic axis: 600 is two octaves from 150, 1200 one more.
    assert (middle[0] - low[0]) / (high[0] - middle[0]) == pytest.approx(2)
    assert low[1] > high[1] if metric.higher_is_nearer else low[1] < high[1]
    assert "JPEG, at most 200" not in places


def test_every_point_has_a_mark(rows: list[Row]):
    results = Results(rows)
    points = [point for kinds in rate_lines(results, PSNR).values() for found in kinds.values() for point in found]
    assert len(marks_of(rate_chart(results, PSNR))) == len(points)


def test_the_fifth_percentile_is_dashed_for_ours_and_its_rival(rows: list[Row]):
    (axes,) = rate_chart(Results(rows), PSNR).figure.axes
    dashed = [line for line in axes.lines if line.is_dashed()]
    looks = {series.label: look.colour for series, look in looks_of(Results(rows)).items()}
    ours = {looks["face-1024 fused"], looks["face-1024 rescaled"]}
    assert {line.get_color() for line in dashed} == {*ours, looks["webp"]} and len(dashed) == 3


def test_ours_stand_out_in_the_plot_and_in_its_legend(rows: list[Row]):
    figure = rate_chart(Results(rows), PSNR).figure
    (legend,) = figure.legends
    weights = {text.get_text().replace("\n", " "): text.get_fontweight() for text in legend.get_texts()}
    ours = {f"face-1024 {picture}": "bold" for picture in ("rescaled", "fused", "rescaled, effort 5")}
    assert weights == {**ours, "WebP": "normal", "JPEG": "normal"}
    widths = {line.get_label(): line.get_linewidth() for line in legend.get_lines()}
    assert widths["face-1024\nfused"] > widths["WebP"]
    assert len({(line.get_color(), line.get_marker()) for line in legend.get_lines()}) == 5


def test_axes_are_named_and_bytes_are_plain_numbers(rows: list[Row]):
    (axes,) = rate_chart(Results(rows), LPIPS).figure.axes
    assert axes.get_xlabel() == "bytes of a file" and axes.get_title("left") == "LPIPS\n(lower is better)"
    low, high = axes.get_xlim()
    shown = [label.get_text() for tick, label in zip(axes.get_xticks(), axes.get_xticklabels()) if low <= tick <= high]
    assert shown == ["150", "200", "300", "500", "700", "1000"]


def test_figures_keep_inside_their_edges_however_many_codecs_there_are(rows: list[Row]):
    many = rows + [
        dataclasses.replace(row, codec=f"model-{index} prior", output="fused") for index in range(20) for row in rows
    ]
    for results in (Results(rows), Results(many)):
        gains = map(gain_chart, compare_at_caps(results)[400])
        for chart in (rate_chart(results, PSNR), spread_chart(results, 400), *gains):
            chart.figure.draw_without_rendering()
            left, bottom, right, top = chart.figure.get_tightbbox().extents
            width, height = chart.figure.get_size_inches()
            assert -0.03 <= left < right <= width + 0.03 and -0.03 <= bottom < top <= height + 0.03


def test_names_in_the_legend_do_not_overlap(rows: list[Row]):
    many = [dataclasses.replace(row, codec=f"a model {index}", output="fused") for index in range(9) for row in rows]
    chart = rate_chart(Results(many), PSNR)
    chart.figure.draw_without_rendering()
    boxes = [text.get_window_extent().extents for text in chart.figure.legends[0].get_texts()]
    assert len(boxes) > 9 and all(upper[1] >= lower[3] - 1 for upper, lower in itertools.pairwise(boxes))
    (axes,) = chart.figure.axes
    assert min(box[0] for box in boxes) > axes.get_window_extent().x1


def test_every_face_has_a_ring_and_a_bar_and_a_loss_hangs_down(rows: list[Row]):
    results = Results(rows)
    rings = marks_of(spread_chart(results, 400))
    assert len(rings) == 5 * 4 and sum("mia.jpg" in title for title in rings) == 5
    psnrs = {title: float(title.rpartition(": ")[2].removesuffix(" dB")) for title in rings}
    assert sorted(rings, key=lambda title: rings[title][0]) == sorted(rings, key=lambda title: psnrs[title])
    (axes,) = gain_chart(compare_at_caps(results)[400][1]).figure.axes
    bars = [(bar.get_height(), bar.get_facecolor()) for bar in axes.patches]
    colours = [tuple(channel / 255 for channel in ImageColor.getrgb(LIGHT[name])) for name in ("bad", "series-0")]
    assert [colour[:3] for _, colour in bars] == [pytest.approx(colours[index]) for index in (0, 1, 1, 1)]
    assert bars[0][0] < 0 < bars[1][0] <= bars[2][0] <= bars[3][0]


def test_the_spread_marks_mean_and_fifth_percentile(rows: list[Row]):
    (axes,) = spread_chart(Results(rows), 400).figure.axes
    webp = [row.psnr for row in rows if row.codec == "webp" and row.kind == "cap" and row.point == "400"]
    strokes = {line.get_linewidth(): line.get_xdata()[0] for line in axes.lines if line.get_ydata()[0] == 3 - 0.18}
    assert strokes == {3.0: pytest.approx(statistics.fmean(webp)), 1.2: pytest.approx(np.percentile(webp, 5))}
    assert f"WebP: {statistics.fmean(webp):.2f} ({np.percentile(webp, 5):.2f})" in [t.get_text() for t in axes.texts]


def test_pictures_without_any_loss_do_not_hinder_figures(rows: list[Row]):
    lossless = [dataclasses.replace(row, psnr=math.inf) for row in rows if row.codec == "webp"]
    assert marks_of(spread_chart(Results(lossless), 400)) == {}
    assert len(marks_of(spread_chart(Results([*lossless, *(row for row in rows if row.output)]), 400))) == 12
    comparison = compare_at_caps(Results(rows))[400][0]
    endless = CapComparison(**{**vars(comparison), "gains": {"a": -math.inf, "b": 1.0, "c": math.inf}})
    heights = [bar.get_height() for bar in gain_chart(endless).figure.axes[0].patches]
    assert all(map(math.isfinite, heights)) and heights[1] == heights[2] == 1.0
    only = CapComparison(**{**vars(comparison), "gains": {"c": math.inf}})
    assert [bar.get_height() for bar in gain_chart(only).figure.axes[0].patches] == [1.0]


def test_a_metric_that_nothing_has_makes_no_figure(rows: list[Row]):
    assert rate_chart(Results([dataclasses.replace(row, lpips=None) for row in rows]), LPIPS) is None


def test_one_point_alone_makes_a_figure(rows: list[Row]):
    chart = rate_chart(Results([row for row in rows if row.point == "q260"]), PSNR)
    assert len(marks_of(chart)) == 1


def test_series_have_looks_of_their_own_and_begin_again_after_the_last(rows: list[Row]):
    many = [dataclasses.replace(rows[0], codec=f"model-{index}") for index in range(30)]
    looks = list(looks_of(Results(many)).values())
    assert len({(look.colour, look.marker) for look in looks}) == 30
    assert looks[len(SERIES_COLOURS)].colour == looks[0].colour


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (22, 1500, [50, 100, 200, 500, 1000]),
        (150, 700, [150, 200, 300, 500, 700]),
        (31, 90000, [100, 300, 1000, 3000, 10000, 30000]),
    ],
)
def test_byte_ticks_are_round(low: float, high: float, expected: list[float]):
    assert byte_ticks(low, high) == pytest.approx(expected)


@settings(deadline=None)
@given(low=st.floats(1, 1e4), ratio=st.floats(3, 1e5))
def test_byte_ticks_are_inside_ascending_and_not_too_many(low: float, ratio: float):
    ticks = byte_ticks(low, low * ratio)
    assert 1 <= len(ticks) <= 7 and ticks == sorted(set(ticks))
    assert low <= ticks[0] and ticks[-1] <= low * ratio


def share_of(image: Image.Image, name: str) -> float:
    """How much of a picture has exactly a colour of the page."""
    return float((np.asarray(image.convert("RGB")) == ImageColor.getrgb(LIGHT[name])).all(-1).mean())


def test_three_panels_as_wide_as_a_page_at_200_dots_an_inch(rows: list[Row], tmp_path: Path):
    path = write_plot(rows, tmp_path)
    assert path == tmp_path / "plot.png"
    image = Image.open(path).convert("RGB")
    assert Image.open(path).info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert 6.5 < image.width / PAPER_DOTS_PER_INCH < 7.5
    assert image.getpixel((0, 0)) == image.getpixel((image.width - 1, image.height - 1)) == (255, 255, 255)
    for third in range(3):
        part = image.crop((third * image.width // 3, 0, (third + 1) * image.width // 3, image.height))
        assert share_of(part, "series-0") > 0.001


def test_only_what_was_measured_has_a_panel(rows: list[Row], tmp_path: Path):
    whole = Image.open(write_plot(rows, tmp_path)).width
    plain = [dataclasses.replace(row, lpips=None, identity=None) for row in rows]
    assert Image.open(write_plot(plain, tmp_path)).width < whole / 2


def test_nothing_measured_is_an_error_and_no_file(rows: list[Row], tmp_path: Path):
    empty = [dataclasses.replace(row, bytes=None, psnr=None, lpips=None, identity=None) for row in rows]
    with pytest.raises(GrainError, match="nothing to draw"):
        write_plot(empty, tmp_path)
    assert not list(tmp_path.iterdir())
