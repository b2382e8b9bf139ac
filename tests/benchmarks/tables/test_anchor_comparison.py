"""Codecs against an anchor, and the curves in the form of CompressAI's benchmark."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from grain_codec.benchmarks.tables.anchor_comparison import Gain, compare_with_anchor, write_comparisons, write_curves
from grain_codec.benchmarks.tables.rows import CAP, CURVE, Row, Series
from grain_codec.benchmarks.tables.summary import Results
from grain_codec.errors import GrainError

IMAGES = ("anna.jpg", "otis.jpg")
WEBP = {"100": (100, 20.0), "200": (200, 22.0), "400": (400, 24.0), "800": (800, 26.0)}


def curve(codec: str, points: dict[str, tuple[int, float]], output: str = "") -> list[Row]:
    """The same curve for both faces."""
    effort = 0 if output else None
    return [
        Row(image, codec, output, effort, CURVE, point, size, psnr=psnr, ms_ssim=0.9, encode_seconds=0.1,
            decode_seconds=0.2)
        for image in IMAGES
        for point, (size, psnr) in points.items()
    ]  # fmt: skip


HALF = curve("ours", {"q1": (50, 20.0), "q2": (100, 22.0), "q3": (200, 24.0), "q4": (400, 26.0)}, "rescaled")


def test_half_the_bytes_are_half_the_bytes() -> None:
    (ours,) = compare_with_anchor(Results(curve("webp", WEBP) + HALF), "webp")
    assert ours.series == Series("ours", "rescaled", 0) and ours.anchor == Series("webp")
    assert ours.rate.delta.value == pytest.approx(-50) and ours.rate.faces == ours.faces == 2
    assert (ours.rate.delta.low, ours.rate.delta.high) == (20, 26)
    assert ours.psnr.delta.value == pytest.approx(2) and ours.psnr.delta.low == pytest.approx(100)


def test_faces_without_overlap_do_not_count() -> None:
    far = [replace(row, psnr=row.psnr + 20) if row.image == "otis.jpg" else row for row in HALF]
    (ours,) = compare_with_anchor(Results(curve("webp", WEBP) + far), "webp")
    assert ours.rate.delta.value == pytest.approx(-50) and ours.rate.faces == 1
    assert ours.psnr.faces == 2


def test_without_any_overlap_there_is_no_number(tmp_path: Path) -> None:
    rows = curve("webp", WEBP) + curve("bicubic16", {"raw": (768, 20.5)}) + [Row(IMAGES[0], "avif", "", None, CAP, "9")]
    found = compare_with_anchor(Results(rows), "webp")
    assert [(each.rate.delta, each.psnr.delta, each.rate.faces) for each in found] == [(None, None, 0)] * 2
    write_comparisons(tmp_path / "bdrate.tsv", found)
    header, bicubic, avif = (line.split("\t") for line in (tmp_path / "bdrate.tsv").read_text().splitlines())
    assert dict(zip(header, bicubic, strict=True))["bd_rate_percent"] == "n/a"
    assert len(header) == len(avif)


def test_gain_at_a_cap_is_taken_at_the_bytes_of_the_file() -> None:
    """100 bytes under a cap of 384 are compared with 100 bytes of WebP, not with 384."""
    caps = [Row(image, "ours", "rescaled", 0, CAP, "384", 100, psnr=22.5) for image in IMAGES]
    (ours,) = compare_with_anchor(Results(curve("webp", WEBP) + HALF + caps), "webp")
    assert ours.gains[384] == Gain(pytest.approx(2.5), 2)


def test_an_anchor_that_was_not_measured_is_refused() -> None:
    with pytest.raises(GrainError, match="'avif'.*there are ours rescaled"):
        compare_with_anchor(Results(HALF), "avif")


def test_curves_are_in_compressais_form(tmp_path: Path) -> None:
    """Golden: bpp is 8 bytes / pixels; means over the faces; a point that one face lacks is left out."""
    rows = curve("webp", WEBP)[:-1] + HALF
    write_curves(tmp_path / "curves", Results(rows), 1024**2, {"webp": "libwebp"})
    written = json.loads((tmp_path / "curves" / "webp.json").read_text())
    assert written == {
        "name": "webp",
        "description": "libwebp",
        "results": {
            "bpp": [size * 8 / 1024**2 for size in (100, 200, 400)],
            "psnr-rgb": [20.0, 22.0, 24.0],
            "ms-ssim-rgb": [0.9] * 3,
            "encoding_time": [0.1] * 3,
            "decoding_time": [0.2] * 3,
        },
    }
    assert (tmp_path / "curves" / "ours-rescaled.json").exists()
