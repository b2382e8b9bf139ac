"""HEIC and JPEG XL are read like the formats that Pillow knows by itself."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images import further_formats
from grain_codec.formats.images.further_formats import jxl_size
from grain_codec.formats.images.reading import MOST_PIXELS, read_photo

ORIENTATION = 0x0112


def as_jxl(size: tuple[int, int], **options: object) -> bytes:
    pytest.importorskip("pillow_jxl")
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, "JXL", effort=1, **options)
    return written.getvalue()


@pytest.mark.parametrize(
    "size", [(16, 16), (80, 64), (1024, 1024), (640, 480), (300, 200), (1920, 1080), (333, 77), (9000, 20), (17, 513)]
)
@pytest.mark.parametrize("container", [False, True])
def test_sizes_are_read_off_the_header(size: tuple[int, int], container: bool) -> None:
    assert jxl_size(as_jxl(size, use_container=container)) == size


def test_a_header_that_announces_too_many_pixels_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(further_formats, "_enable_jxl", lambda: pytest.fail("the file was decoded"))
    side = (1 << 30) - 1
    # Not small, height by 30 bits, ratio 1:1.
    header = 0 | 3 << 1 | side << 3 | 1 << 33
    with pytest.raises(BadImage, match=f"^bomb: .*more than {MOST_PIXELS // 1_000_000} million pixels"):
        read_photo(b"\xff\x0a" + header.to_bytes(10, "little"), "bomb")


def test_damaged_files_are_refused() -> None:
    whole = as_jxl((64, 64))
    for data in (whole[:2], whole[:11], whole[:40], b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(100)):
        with pytest.raises(BadImage, match="^photo: "):
            read_photo(data, "photo")
    with pytest.raises(BadImage, match="^photo: "):
        read_photo(b"\x00\x00\x00\x18ftypheic" + bytes(100), "photo")


def test_jpeg_xl_is_upright_whatever_exif_says() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert read_photo(as_jxl((60, 40), exif=exif.tobytes()), "photo").shape == (40, 60, 3)


def test_a_jpeg_within_jpeg_xl_is_turned_as_the_jpeg_says(tmp_path) -> None:
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "photo.jpg", exif=exif)
    written = io.BytesIO()
    Image.open(tmp_path / "photo.jpg").save(written, "JXL", lossless_jpeg=True)
    assert read_photo(written.getvalue(), "photo").shape == (60, 40, 3)


def test_heic_is_read_upright(face: np.ndarray) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    small = Image.fromarray(face).resize((128, 96))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    written = io.BytesIO()
    heif = pillow_heif.from_pillow(small)
    heif.save(written, quality=90, exif=exif.tobytes())
    read = read_photo(written.getvalue(), "photo")
    assert read.shape in ((128, 96, 3), (96, 128, 3))
    upright = np.asarray(small.transpose(Image.Transpose.ROTATE_270) if read.shape[0] == 128 else small)
    assert np.abs(read.astype(int) - upright).mean() < 4


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    further_formats._enable_heic.cache_clear()
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(BadImage, match="photo: reading this format needs pi_heif, which is not installed"):
        read_photo(b"\x00\x00\x00\x18ftypheic" + bytes(100), "photo")
