"""The comparison at a byte cap: the codecs keep to it, the figures are those of the pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.at_cap import measure, summary, write_rows
from grain_codec.benchmarks.codecs import best_prescaled_webp
from grain_codec.benchmarks.demo import contact_sheet, read_examples
from grain_codec.benchmarks.metrics import psnr
from grain_codec.codec import Codec


def test_psnr_of_a_known_error():
    one = np.zeros((4, 4, 3), np.uint8)
    assert psnr(one, one + 10) == pytest.approx(20 * math.log10(25.5))
    assert psnr(one, one) == math.inf


def test_webp_keeps_to_the_cap_and_prefers_more_bytes(face: np.ndarray):
    small, large = best_prescaled_webp(face, 250), best_prescaled_webp(face, 800)
    assert len(small.data) <= 250 and len(large.data) <= 800
    assert psnr(large.pixels, face) > psnr(small.pixels, face) + 1
    assert large.prescale >= small.prescale


def test_no_webp_is_as_small_as_that(face: np.ndarray):
    assert best_prescaled_webp(face, 30) is None


def test_rows_are_measured_and_written(codec: Codec, face: np.ndarray, tmp_path: Path):
    row = measure("anna", face, 300, "face-1024")
    assert row.bytes <= 300 and row.webp_bytes <= 300
    assert row.psnr > 20 and row.lr_psnr > 27
    write_rows([row, row], tmp_path / "rows.tsv")
    assert len((tmp_path / "rows.tsv").read_text().splitlines()) == 3
    assert f"PSNR {row.psnr:.2f} dB" in summary([row])


def test_the_contact_sheet_shows_four_pictures_a_face(codec: Codec, face: np.ndarray, tmp_path: Path):
    data = codec.encode_face(face, quality=1)
    Image.fromarray(face).save(tmp_path / "anna.png")
    (tmp_path / "anna.grain").write_bytes(data)
    (tmp_path / "decoded").mkdir()
    Image.fromarray(codec.decode_face(data)).save(tmp_path / "decoded" / "anna.png")
    (example,) = read_examples(tmp_path, tmp_path, tmp_path / "decoded")
    assert str(len(data)) in example.table_row()
    sheet = contact_sheet([example])
    assert sheet.width == 4 * 256
    shown = np.asarray(sheet.crop((0, 22, 256, 278)), int)
    expected = np.asarray(Image.fromarray(face).resize((256, 256), Image.Resampling.LANCZOS), int)
    assert np.abs(shown - expected).mean() < 1
