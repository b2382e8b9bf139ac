"""The table and the contact sheet of `make demo`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from grain_codec.benchmarks.demo import read_examples
from grain_codec.codec import Codec
from grain_codec.formats.images.contact_sheet import contact_sheet
from grain_codec.settings import EncodeSettings


def test_the_contact_sheet_shows_four_pictures_a_face(codec: Codec, face: np.ndarray, tmp_path: Path) -> None:
    data = codec.encode(face, EncodeSettings(quality=1))
    Image.fromarray(face).save(tmp_path / "anna.png")
    (tmp_path / "anna.grain").write_bytes(data)
    (tmp_path / "decoded").mkdir()
    Image.fromarray(codec.decode(data)).save(tmp_path / "decoded" / "anna.png")
    (example,) = read_examples(tmp_path, tmp_path, tmp_path / "decoded")
    assert str(len(data)) in example.table_row()
    sheet = contact_sheet([example.tiles()])
    assert sheet.width == 4 * 256
    shown = np.asarray(sheet.crop((0, 22, 256, 278)), int)
    expected = np.asarray(Image.fromarray(face).resize((256, 256), Image.Resampling.LANCZOS), int)
    assert np.abs(shown - expected).mean() < 1
