"""The sheet of failures: the worst faces by either measure, and what they became."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.codecs.face_codec import Coded
from grain_codec.benchmarks.failures import Figures, figures_of, main, tiles_of, worst
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.formats.images.contact_sheet import CAPTION, SIDE, Tile, contact_sheet


def test_the_worst_by_psnr_come_first_then_those_that_are_least_the_same_person() -> None:
    faces = [
        Figures("near", 28.0, 0.3),
        Figures("far", 20.0, 0.7),
        Figures("another person", 26.0, 0.6),
        Figures("no face", 25.0, None),
        Figures("farther", 19.0, 0.2),
    ]
    assert [face.name for face in worst(faces, 1)] == ["farther", "far"]
    assert [face.name for face in worst(faces, 2)] == ["farther", "far", "another person", "near"]


def test_the_natural_picture_tells_the_person_and_the_nearest_one_the_error(faces: dict[str, np.ndarray]) -> None:
    pytest.importorskip("dlib")
    drawn = {"fused": faces["anna"], "rescaled": faces["anna"] ^ 1}
    coded = [Coded(Series("face-1024", name), b"face", each, "", None, 0.0, 0.0) for name, each in drawn.items()]
    figures = figures_of("anna", faces["anna"], coded)
    assert figures.identity == 0 and figures.psnr == pytest.approx(48.13, abs=0.01)
    captions = [tile.caption for tile in tiles_of(figures, faces["anna"], coded, [])]
    assert captions == ["anna", "fused, 4 bytes, identity 0.00", "rescaled, 4 bytes, 48.1 dB"]


def test_tiles_lie_in_rows_under_their_captions_and_small_ones_show_their_pixels() -> None:
    white, checks = np.full((300, 300, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8)
    checks[0, 1] = checks[1, 0] = 255
    sheet = contact_sheet([[Tile(white, "one")], [Tile(white, "two"), Tile(checks, "three")]])
    assert sheet.size == (2 * SIDE, 2 * (SIDE + CAPTION))
    found = np.asarray(sheet.convert("L"))[SIDE + 2 * CAPTION :, SIDE:]
    assert set(np.unique(found)) == {0, 255} and found[0, 0] == 0 and found[0, -1] == 255


def test_the_worst_face_of_a_folder_is_drawn(faces: dict[str, np.ndarray], tmp_path: Path) -> None:
    pytest.importorskip("dlib")
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    spoilt = faces["otis"].copy()
    spoilt[:, :400] = np.asarray(Image.fromarray(noise).resize((400, 1024), Image.Resampling.BICUBIC))
    for name, pixels in (("anna", faces["anna"]), ("spoilt", spoilt)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    sheet = tmp_path / "sheet.png"
    ended = CliRunner().invoke(main, [str(tmp_path), str(sheet), "--max-bytes", "484", "--count", "1"])
    assert ended.exit_code == 0, ended.output
    shown = np.asarray(Image.open(sheet), int)
    assert shown.shape[0] == 2 * (SIDE + CAPTION)
    for row, pixels in enumerate((spoilt, faces["anna"])):
        expected = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS), int)
        top = row * (SIDE + CAPTION) + CAPTION
        assert np.abs(shown[top : top + SIDE, :SIDE] - expected).mean() < 1


def test_a_folder_without_a_face_that_fits_ends_clearly(tmp_path: Path) -> None:
    pytest.importorskip("dlib")
    ended = CliRunner().invoke(main, [str(tmp_path), str(tmp_path / "sheet.jpg")])
    assert ended.exit_code == 1 and str(tmp_path) in ended.output and not (tmp_path / "sheet.jpg").exists()
