"""Pictures that are written, and the suffixes that name their formats."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images.reading import read_face
from grain_codec.formats.images.writing import FORMATS, format_of_suffix, write_image

SIDE = 32


@pytest.mark.parametrize(("format", "tolerance"), [("PNG", 0), ("TIFF", 0), ("BMP", 0), ("JPEG", 3), ("WebP", 6)])
def test_written_images_read_back(format: str, tolerance: int) -> None:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    picture = np.stack([row * 4, column * 4, row + column], -1).astype(np.uint8)
    encoded = write_image(picture, format)
    assert Image.open(io.BytesIO(encoded)).format == format.upper()
    difference = np.abs(read_face(encoded, "face", SIDE).astype(int) - picture)
    assert difference.mean() <= tolerance


@pytest.mark.parametrize("format", sorted({*FORMATS.values()} - {"AVIF"}))
def test_a_picture_without_colour_is_written_as_a_grey_one(format: str) -> None:
    grey = np.mgrid[0:SIDE, 0:SIDE].sum(0).astype(np.uint8)[:, :, None].repeat(3, 2)
    written = Image.open(io.BytesIO(write_image(grey, format)))
    assert written.mode == ("RGB" if format == "WEBP" else "L")
    assert np.abs(np.array(written.convert("RGB")).astype(int) - grey).max() <= 3
    alpha = np.dstack([grey, np.full((SIDE, SIDE), 255, np.uint8)])
    assert Image.open(io.BytesIO(write_image(alpha, "PNG"))).mode == "RGBA"


def test_jpeg_keeps_full_colour_resolution() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    written = Image.open(io.BytesIO(write_image(noise, "JPEG")))
    assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3


def test_suffixes() -> None:
    assert format_of_suffix(Path("a.PNG")) == "PNG"
    assert format_of_suffix(Path("a.jpeg")) == format_of_suffix(Path("b.jpg")) == "JPEG"
    assert format_of_suffix(Path("a.tif")) == "TIFF"
    for name in ("face.xyz", "face"):
        with pytest.raises(BadImage) as refused:
            format_of_suffix(Path(name))
        assert name in str(refused.value) and all(suffix in str(refused.value) for suffix in FORMATS)
