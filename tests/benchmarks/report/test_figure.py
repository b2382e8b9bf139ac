"""Scales, ticks and label placement of figures."""

from __future__ import annotations

import math

import pytest
from grain_codec.benchmarks.report.figure import Scale, axes, fitted_scale, number, spread
from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_linear_scale_is_even():
    scale = Scale(10, 20, 100, 0)
    assert [scale(10), scale(15), scale(20)] == [100, 50, 0]


def test_a_logarithmic_scale_gives_a_doubling_the_same_room_everywhere():
    scale = Scale(50, 1600, 0, 500, logarithmic=True)
    assert [scale(size) for size in (50, 100, 400, 1600)] == pytest.approx([0, 100, 300, 500])


@pytest.mark.parametrize(
    ("scale", "most", "expected"),
    [
        (Scale(19.3, 27.9, 0, 1), 6, [20, 22, 24, 26]),
        (Scale(0.18, 0.83, 0, 1), 7, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
        (Scale(-0.4, 3.1, 0, 1), 5, [0, 1, 2, 3]),
        (Scale(22, 1500, 0, 1, True), 6, [50, 100, 200, 500, 1000]),
        (Scale(150, 700, 0, 1, True), 5, [200, 300, 500]),
    ],
)
def test_ticks_are_round(scale: Scale, most: int, expected: list[float]):
    assert scale.ticks(most) == pytest.approx(expected)


@settings(deadline=None)
@given(
    low=st.floats(1e-3, 1e4), ratio=st.floats(1.02, 1e4), logarithmic=st.booleans(), most=st.integers(2, 9)
)  # fmt: skip
def test_ticks_are_inside_ascending_and_not_too_many(low: float, ratio: float, logarithmic: bool, most: int):
    scale = Scale(low, low * ratio, 0, 100, logarithmic)
    ticks = scale.ticks(most)
    assert len(ticks) <= most and ticks == sorted(set(ticks))
    assert all(scale.low - 1e-9 <= tick <= scale.high + 1e-9 for tick in ticks)


@settings(deadline=None)
@given(values=st.lists(st.floats(0.01, 1e5), min_size=1, max_size=8), logarithmic=st.booleans())
def test_a_fitted_scale_holds_all_values(values: list[float], logarithmic: bool):
    scale = fitted_scale(values, 0, 100, logarithmic)
    assert all(0 < scale(value) < 100 for value in values)


@settings(deadline=None)
@given(
    labels=st.lists(st.tuples(st.floats(-50, 350), st.floats(5, 40)), min_size=1, max_size=12).map(sorted),
    high=st.floats(100, 300),
)
def test_labels_never_overlap_and_stay_inside_if_there_is_room(labels: list[tuple[float, float]], high: float):
    wanted, heights = zip(*labels, strict=True)
    middles = spread(wanted, heights, 0, high)
    edges = [(middle - height / 2, middle + height / 2) for middle, height in zip(middles, heights, strict=True)]
    assert all(above[1] <= below[0] + 1e-6 for above, below in zip(edges, edges[1:]))
    assert edges[0][0] >= -1e-6
    if sum(heights) <= high:
        assert edges[-1][1] <= high + 1e-6


def test_labels_with_room_stay_where_they_are_wanted():
    assert spread([20, 60, 90], [10, 10, 10], 0, 100) == [20, 60, 90]


def test_numbers_have_no_idle_zeros():
    assert [number(value) for value in (200.0, 0.25, -1.5)] == ["200", "0.25", "−1.5"]


def test_axes_name_both_quantities_and_label_ticks_in_place():
    x, y = Scale(100, 400, 40, 200), Scale(20, 26, 150, 20)
    texts = {shape.text: shape for shape in axes(x, y, "bytes", "PSNR, dB", 12) if hasattr(shape, "text")}
    assert {"bytes", "PSNR, dB"} <= set(texts)
    assert math.isclose(texts["200"].x, x(200)) and math.isclose(texts["22"].y, y(22))
