"""The figures hold every point of the rows, at its place, inside their edges."""

from __future__ import annotations

import dataclasses
import statistics

import pytest
from grain_codec.benchmarks.report.charts import gain_chart, rate_chart, spread_chart
from grain_codec.benchmarks.report.figure import Dot, Figure, Line, Text, text_width
from grain_codec.benchmarks.report.svg import svg
from grain_codec.benchmarks.tables.contest import contest_at
from grain_codec.benchmarks.tables.results_table import Row
from grain_codec.benchmarks.tables.summary import LPIPS, PSNR, Metric, Results


def shapes_of(figure: Figure, kind: type) -> list:
    """The figure's shapes of one kind."""
    return [shape for shape in figure.shapes if isinstance(shape, kind)]


def inside(figure: Figure) -> bool:
    """Whether nothing of a figure is cut off."""
    places = [place for line in shapes_of(figure, Line) for place in line.points]
    places += [
        (dot.x + side * dot.radius, dot.y + side * dot.radius) for dot in shapes_of(figure, Dot) for side in (-1, 1)
    ]
    for text in shapes_of(figure, Text):
        left = text.x - {"start": 0, "middle": 0.5, "end": 1}[text.anchor] * text_width(text.text, figure.font_size)
        places += [(left, text.y - figure.font_size / 2)]
        places += [(left + text_width(text.text, figure.font_size), text.y + figure.font_size / 2)]
    return all(-2 <= x <= figure.width + 2 and -2 <= y <= figure.height + 2 for x, y in places)


@pytest.mark.parametrize("metric", [PSNR, LPIPS], ids=["psnr", "lpips"])
def test_a_point_is_at_its_mean_bytes_and_mean_distance(rows: list[Row], metric: Metric):
    figure = rate_chart(Results(rows), metric)
    dots = {dot.title.partition(":")[0]: dot for dot in shapes_of(figure, Dot)}
    members = [row for row in rows if row.codec == "webp" and row.kind == "cap" and row.point == "400"]
    title = dots["WebP, at most 400"].title
    assert f"{statistics.fmean(row.bytes for row in members):.0f} bytes" in title
    assert f"mean {metric.text(statistics.fmean(getattr(row, metric.column) for row in members))}" in title
    low, middle, high = (dots[f"WebP, quality {size}"] for size in (150, 600, 1200))
    # A logarithmic axis: 600 is two octaves from 150, 1200 one more.
    assert (middle.x - low.x) / (high.x - middle.x) == pytest.approx(2)
    assert low.y > high.y if metric.higher_is_nearer else low.y < high.y
    assert "JPEG, at most 200" not in dots


def test_the_fifth_percentile_is_dashed_for_ours_and_its_rival(rows: list[Row]):
    figure = rate_chart(Results(rows), PSNR)
    dashed = [line for line in shapes_of(figure, Line) if line.dashed]
    assert len({line.colour for line in dashed}) == len(dashed) == 2


def test_figures_keep_inside_their_edges_however_many_codecs_there_are(rows: list[Row]):
    many = rows + [
        dataclasses.replace(row, codec=f"model-{index} prior", output="fused") for index in range(20) for row in rows
    ]
    for results in (Results(rows), Results(many)):
        assert inside(rate_chart(results, PSNR))
        assert inside(spread_chart(results, 400))
        assert inside(gain_chart(contest_at(results, 400)))


def test_every_face_has_a_ring_and_a_bar_and_a_loss_hangs_down(rows: list[Row]):
    results = Results(rows)
    rings = [dot.title for dot in shapes_of(spread_chart(results, 400), Dot)]
    assert len(rings) == 4 * 4 and sum("mia.jpg" in title for title in rings) == 4
    bars = [
        line for line in shapes_of(gain_chart(contest_at(results, 400)), Line) if line.colour in ("bad", "series-0")
    ]
    assert [bar.colour for bar in bars] == ["bad", "series-0", "series-0", "series-0"]
    assert bars[0].points[1][1] > bars[0].points[0][1] and bars[1].points[1][1] < bars[1].points[0][1]


def test_a_metric_that_nothing_has_makes_no_figure(rows: list[Row]):
    assert rate_chart(Results([dataclasses.replace(row, lpips=None) for row in rows]), LPIPS) is None


def test_one_point_alone_makes_a_figure(rows: list[Row]):
    alone = Results([row for row in rows if row.point == "q260"])
    figure = rate_chart(alone, PSNR)
    assert len(shapes_of(figure, Dot)) == 1 and inside(figure)


def test_svg_has_a_shape_for_each(rows: list[Row]):
    figure = rate_chart(Results(rows), PSNR)
    text = svg(figure, "rate")
    counts = {"<polyline": Line, "<circle": Dot, "<text": Text}
    assert {start: text.count(start) for start in counts} == {
        start: len(shapes_of(figure, kind)) for start, kind in counts.items()
    }
