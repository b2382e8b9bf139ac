"""Ours against the others: gains, bytes at equal PSNR, and which faces count as worse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grain_codec.benchmarks.tables.cap_comparison import (
    bytes_for,
    compare_at_cap,
    compare_at_caps,
    leads_of,
    worst_images,
)
from grain_codec.benchmarks.tables.rows import Row, Series
from grain_codec.benchmarks.tables.summary import PSNR, Results

FACES = ("anna", "otis", "mia", "ellen")
OURS, WEBP, AVIF = Series("face-1024", "rescaled", 0), Series("webp"), Series("avif")


def at_cap(series: Series, psnrs: tuple[float | None, ...], cap: int = 400, size: int = 400) -> list[Row]:
    """A row a face at a cap; None for a face that does not fit."""
    return [
        Row(
            name, series.codec, series.output, series.effort, "cap", str(cap), None if psnr is None else size, psnr=psnr
        )
        for name, psnr in zip(FACES, psnrs, strict=True)
    ]


def test_the_gain_is_over_the_codec_that_fits_most_faces_and_losses_are_over_any():
    rows = [
        *at_cap(OURS, (26.0, 25.0, 24.0, 23.0)),
        *at_cap(WEBP, (24.0, 24.0, 23.0, 23.5)),
        *at_cap(AVIF, (None, None, 24.5, 20.0)),
    ]
    comparison = compare_at_cap(Results(rows), 400, OURS)
    assert (comparison.lead, comparison.rival) == (OURS, WEBP)
    assert comparison.gain == pytest.approx((2 + 1 + 1 - 0.5) / 4)
    assert comparison.gains == pytest.approx({"anna": 2.0, "otis": 1.0, "mia": -0.5, "ellen": -0.5})
    assert (comparison.worse, comparison.faces) == (2, 4)


def test_a_face_that_only_the_others_fit_counts_as_worse():
    rows = [*at_cap(OURS, (26.0, None, 24.0, None)), *at_cap(WEBP, (24.0, 24.0, 23.0, None))]
    comparison = compare_at_cap(Results(rows), 400, OURS)
    assert comparison.missed == ("otis",)
    assert (comparison.worse, comparison.faces) == (1, 3)


def test_a_face_that_ours_was_not_measured_on_does_not_count():
    rows = [*at_cap(OURS, (26.0, 25.0, 24.0, 23.0))[:3], *at_cap(WEBP, (24.0, 24.0, 23.0, 22.0))]
    assert compare_at_cap(Results(rows), 400, OURS).faces == 3


def test_bytes_at_equal_psnr_lie_between_two_points_by_the_logarithm():
    rows = at_cap(OURS, (24.0,) * 4, size=320)
    for cap, psnr in ((200, 21.0), (400, 23.0), (800, 25.0), (1600, 27.0)):
        rows += at_cap(WEBP, (psnr,) * 4, cap, size=cap)
    needed = 400 * 2**0.5
    assert bytes_for(Results(rows), WEBP, 24.0) == pytest.approx(needed)
    comparison = compare_at_cap(Results(rows), 400, OURS)
    assert comparison.rival_bytes == pytest.approx(needed)
    assert comparison.saving == pytest.approx(1 - 320 / needed)


def test_a_psnr_that_was_never_reached_has_no_bytes():
    rows = [*at_cap(OURS, (30.0,) * 4), *at_cap(WEBP, (21.0,) * 4, 400), *at_cap(WEBP, (23.0,) * 4, 800, 800)]
    comparison = compare_at_cap(Results(rows), 400, OURS)
    assert comparison.rival_bytes is None and comparison.saving is None


def test_exact_pictures_differ_by_nothing():
    infinite = float("inf")
    rows = [*at_cap(OURS, (infinite, 25.0, 25.0, 25.0)), *at_cap(WEBP, (infinite, 24.0, 24.0, 24.0))]
    assert compare_at_cap(Results(rows), 400, OURS).gains["anna"] == 0


def test_there_is_no_comparison_with_one_side_alone():
    for series in (WEBP, OURS):
        alone = Results(at_cap(series, (24.0,) * 4))
        assert compare_at_cap(alone, 400, OURS) is None and compare_at_caps(alone) == {}


def test_the_headline_is_about_all_pictures_at_the_least_effort_and_the_natural_one_comes_first():
    series = [Series("face-1024", output, effort) for effort in (5, 0) for output in ("rescaled", "fused")]
    rows = [row for each in (WEBP, *series) for row in at_cap(each, (24.0,) * 4)]
    assert leads_of(Results(rows)) == [Series("face-1024", "fused", 0), OURS]
    (comparisons,) = compare_at_caps(Results(rows)).values()
    assert [comparison.lead for comparison in comparisons] == leads_of(Results(rows))


def test_the_worst_faces_are_those_far_off_in_psnr_or_identity_and_those_with_the_least_gain():
    ours = at_cap(OURS, (26.0, 25.0, 24.0, 20.0))
    identified = [replace(row, identity=distance) for row, distance in zip(ours, (0.1, 0.2, 0.6, 0.3), strict=True)]
    rows = [*identified, *at_cap(WEBP, (25.9, 22.0, 21.0, 15.0))]
    assert worst_images(Results(rows), 400, 1) == ["ellen", "mia", "anna"]
    assert sorted(worst_images(Results(rows), 400, 9)) == sorted(FACES)
    assert worst_images(Results(ours), 400, 1) == ["ellen"]


def test_curves_leave_out_sizes_that_not_every_face_fits():
    rows = [*at_cap(WEBP, (20.0, 21.0, None, 22.0), 200, 200), *at_cap(WEBP, (20.0, 21.0, 22.0, 23.0), 400, 390)]
    (point,) = Results(rows).curve(WEBP, PSNR, "cap")
    assert (point.point, point.bytes, point.values.mean) == ("400", 390, 21.5)
    assert point.values.worst == pytest.approx(20.15)
