"""BD-rate and BD-PSNR have the published values, and mean what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grain_codec.benchmarks.tables.bdrate import Curve, bd_psnr, bd_rate

ANCHOR = [(100, 20.1), (200, 22.3), (400, 24.0), (800, 26.4), (1600, 28.0)]
TEST = [(90, 21.0), (150, 22.9), (260, 24.9), (420, 26.1), (700, 27.2)]

curves = st.lists(st.tuples(st.integers(10, 5000), st.floats(10, 40)), min_size=3, max_size=9).map(Curve)


def test_golden_values() -> None:
    """By the package bjontegaard 1.3.0, method pchip."""
    rate, psnr = bd_rate(Curve(ANCHOR), Curve(TEST)), bd_psnr(Curve(ANCHOR), Curve(TEST))
    assert rate.value == pytest.approx(-42.427533510669726) and (rate.low, rate.high) == (21.0, 27.2)
    assert psnr.value == pytest.approx(1.678977394778065)
    assert (psnr.low, psnr.high) == pytest.approx((100, 700))


def trapezoids(anchor: Curve, test: Curve) -> float:
    """Mean over a fine grid of the dB between two interpolated curves, taken without any integral."""
    low, high = max(anchor.bytes[0], test.bytes[0]), min(anchor.bytes[-1], test.bytes[-1])
    places = np.linspace(math.log(low), math.log(high), 4001)[1:-1]
    levels = [[curve.psnr_at(math.exp(place)) for place in places] for curve in (anchor, test)]
    return float(np.mean(np.subtract(levels[1], levels[0])))


@pytest.mark.parametrize("points", [TEST, TEST[:2], TEST[1:4], [(50, 19.0), (3000, 29.5)]])
def test_bd_psnr_is_the_mean_difference_of_the_curves(points: list[tuple[float, float]]) -> None:
    anchor, test = Curve(ANCHOR), Curve(points)
    assert bd_psnr(anchor, test).value == pytest.approx(trapezoids(anchor, test), abs=1e-3)


@given(curves, st.floats(0.2, 5), st.floats(-0.5, 0.5))
def test_a_curve_that_is_shifted_differs_by_the_shift(curve: Curve, factor: float, lift: float) -> None:
    if len(curve.psnr) < 2:
        return
    points = list(zip(curve.bytes, curve.psnr, strict=True))
    scaled = bd_rate(curve, Curve([(size * factor, psnr) for size, psnr in points]))
    assert scaled.value == pytest.approx(100 * (factor - 1), rel=1e-6, abs=1e-6)
    lifted = bd_psnr(curve, Curve([(size, psnr + lift) for size, psnr in points]))
    assert lifted.value == pytest.approx(lift, abs=1e-9)


@given(curves, curves)
def test_rate_is_inverse_when_the_curves_change_places(one: Curve, other: Curve) -> None:
    there, back = bd_rate(one, other), bd_rate(other, one)
    assert (there is None) == (back is None)
    if there:
        assert (1 + there.value / 100) * (1 + back.value / 100) == pytest.approx(1)


@given(curves, st.floats(0, 1))
def test_between_points_psnr_stays_between_theirs(curve: Curve, share: float) -> None:
    if len(curve.psnr) < 2:
        return
    place = curve.bytes[0] + share * (curve.bytes[-1] - curve.bytes[0])
    right = min(max(1, int(np.searchsorted(curve.bytes, place))), len(curve.psnr) - 1)
    level = curve.psnr_at(place)
    assert level is None or curve.psnr[right - 1] - 1e-6 <= level <= curve.psnr[right] + 1e-6


def test_curves_that_do_not_overlap_have_no_difference() -> None:
    low, high = Curve([(100, 20), (200, 21)]), Curve([(300, 22), (400, 23)])
    assert bd_rate(low, high) is None and bd_psnr(low, high) is None
    assert bd_rate(low, Curve([(100, 20.5)])) is None
    assert bd_psnr(low, Curve([])) is None


def test_points_that_nobody_would_choose_are_no_part_of_a_curve() -> None:
    curve = Curve([(100, 20), (150, 19), (200, 22), (200, 21), (250, 22), (300, math.inf)])
    assert list(curve.bytes) == [100, 200]
    assert list(curve.psnr) == [20, 22]


def test_psnr_is_known_between_the_points_only() -> None:
    curve = Curve(ANCHOR)
    assert curve.psnr_at(400) == pytest.approx(24.0)
    assert 22.3 < curve.psnr_at(300) < 24.0
    assert curve.psnr_at(99) is None and curve.psnr_at(1601) is None
