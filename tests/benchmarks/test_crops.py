"""Sheets of crops: where they are cut, and what stands beside what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.codecs.model import ModelCodec
from grain_codec.benchmarks.crops import PLACES, SIDE, crops, main, rows_of
from grain_codec.formats.images.contact_sheet import CAPTION


def test_crops_are_cut_at_full_size_around_their_places() -> None:
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 4, column // 4, 0 * row], 2).astype(np.uint8)
    tiles = crops(pixels, "face")
    assert [tile.caption for tile in tiles] == ["face", *list(PLACES)[1:]]
    for tile, (middle_row, middle_column) in zip(tiles, PLACES.values()):
        assert tile.pixels.shape == (SIDE, SIDE, 3)
        assert tile.pixels[SIDE // 2, SIDE // 2].tolist() == [middle_row // 4, middle_column // 4, 0]


@pytest.mark.slow
def test_of_a_model_the_natural_picture_is_shown(face: np.ndarray) -> None:
    original, decoded = rows_of("anna", face, 300, [ModelCodec("face-1024", "face-1024")])
    assert original[0].caption == "anna" and decoded[0].caption.startswith("fused, ")


@pytest.mark.slow
def test_the_sheet_has_the_original_fused_and_the_rival(tmp_path: Path, face: np.ndarray) -> None:
    (tmp_path / "faces").mkdir()
    Image.fromarray(face).save(tmp_path / "faces" / "anna.png")
    sheet = tmp_path / "sheet.png"
    ended = CliRunner().invoke(main, [str(tmp_path / "faces"), str(sheet), "--rival", "webp", "--max-bytes", "300"])
    assert ended.exit_code == 0, ended.output
    with Image.open(sheet) as image:
        assert image.size == (len(PLACES) * SIDE, 3 * (SIDE + CAPTION))
        first = np.asarray(image)[CAPTION : CAPTION + SIDE, :SIDE]
    assert np.array_equal(first, crops(face, "")[0].pixels)
