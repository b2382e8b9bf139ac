"""Saving through the Pillow plugin: pixels, metadata, options, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import grain_codec
from grain_codec.codec import low_resolution_image
from grain_codec.errors import TooLarge
from grain_codec.formats import container
from grain_codec.formats.plugins import register_grain_opener
from grain_codec.formats.plugins.pillow_plugin import GrainPluginError

register_grain_opener()


def test_saving_is_encoding(tmp_path: Path, face: np.ndarray, file: bytes):
    image, path = Image.fromarray(face), tmp_path / "face.grain"
    image.save(path, dpi=(72, 72), optimize=True)
    assert path.read_bytes() == file
    image.save(path, quality=1)
    assert path.read_bytes() == grain_codec.encode(face, quality=1)
    image.save(path, max_bytes=150, effort=1)
    assert path.stat().st_size <= 150
    written = io.BytesIO()
    image.save(written, "GRAIN", max_bytes=150)
    assert written.getvalue() == grain_codec.encode(face, max_bytes=150)


def test_a_face_can_be_saved_over_itself(path: Path, decoded: np.ndarray):
    Image.open(path).save(path, quality=2)
    assert path.read_bytes() == grain_codec.encode(decoded, quality=2)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """An RGB image in another mode; greys of more than 8 bits use their whole range."""
    if mode.startswith("I"):
        levels = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.fromarray(levels.astype({"I": "<i4", "I;16": "<u2", "I;16B": ">u2"}[mode]))
    return image.convert({"PA": "P", "LA": "L"}.get(mode, "RGB")).convert(mode)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "I", "I;16", "I;16B", "RGBA", "RGBX", "CMYK", "YCbCr", "F"]
)
def test_squares_of_any_size_and_mode_are_saved(face: np.ndarray, mode: str):
    small = Image.fromarray(face).resize((96, 96), Image.Resampling.BOX)
    image = in_mode(small, mode)
    assert image.mode == mode
    written = io.BytesIO()
    image.save(written, "GRAIN", quality=1)
    brightness = np.asarray(small.convert("L")).mean()
    assert abs(low_resolution_image(written.getvalue()).mean() - brightness) < 12


def test_transparent_parts_are_white():
    image = Image.new("P", (64, 64), 3)
    image.putpalette(bytes(12))
    image.info["transparency"] = 3
    written = io.BytesIO()
    image.save(written, "GRAIN")
    assert low_resolution_image(written.getvalue()).mean() > 230


def test_metadata_of_the_image_do_not_turn_the_pixels(face: np.ndarray, file: bytes):
    image = Image.fromarray(face)
    exif = image.getexif()
    exif[0x0112] = 6
    lying = io.BytesIO()
    image.save(lying, "PNG", exif=exif, compress_level=0)
    written = io.BytesIO()
    Image.open(lying).save(written, "GRAIN")
    assert written.getvalue() == file


ORIENTATION, ARTIST, LATITUDE = 0x0112, 0x013B, 2
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)


def described(orientation: int = 1) -> Image.Exif:
    """EXIF with an artist, a position and an orientation."""
    exif = Image.Exif()
    exif[ARTIST], exif[ORIENTATION] = "Zoe", orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo)[LATITUDE] = (48.0, 51.0, 30.0)
    return exif


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("keep_gps", [False, True])
def test_metadata_are_kept_where_they_are_given(
    face: np.ndarray, file: bytes, as_bytes: bool, keep_gps: bool, modified: Callable[..., bytes]
):
    written, exif = io.BytesIO(), described()
    exif = exif.tobytes() if as_bytes else exif
    Image.fromarray(face).save(written, "GRAIN", exif=exif, xmp=XMP, keep_gps=keep_gps)
    assert modified(written.getvalue(), chunks=()) == file
    with Image.open(written) as image:
        assert image.info["bytes"] == len(written.getvalue())
        assert image.info["exif"].startswith(b"Exif\0\0") and image.info["xmp"] == XMP
        read = image.getexif()
        assert read[ARTIST] == "Zoe" and ORIENTATION not in read
        assert read.get_ifd(ExifTags.IFD.GPSInfo) == ({LATITUDE: (48, 51, 30)} if keep_gps else {})
        copied = io.BytesIO()
        image.resize((16, 16)).save(copied, "JPEG", exif=image.info["exif"], xmp=image.info["xmp"])
    assert Image.open(copied).getexif()[ARTIST] == "Zoe"


def test_an_orientation_that_is_given_turns_the_pixels(face: np.ndarray, file: bytes, modified: Callable[..., bytes]):
    written = io.BytesIO()
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(face)))
    lying.save(written, "GRAIN", exif=described(orientation=6))
    assert modified(written.getvalue(), chunks=()) == file
    assert ORIENTATION not in Image.open(written).getexif()


def test_metadata_that_cannot_be_read_are_refused(tmp_path: Path, face: np.ndarray):
    for options in ({"exif": b"II*\0"}, {"exif": b"/etc/passwd"}, {"xmp": b"<!DOCTYPE a><RDF/>"}):
        with pytest.raises(GrainPluginError, match="damaged or too large"):
            Image.fromarray(face).save(tmp_path / "face.grain", **options)
    assert not list(tmp_path.iterdir())


def test_metadata_of_a_stranger_are_cleaned_on_opening(file: bytes, modified: Callable[..., bytes]):
    turned = described(orientation=6).tobytes()[6:]
    chunks = (container.Chunk(container.EXIF, turned), container.Chunk(container.XMP, b"<!DOCTYPE a><RDF/>"))
    with Image.open(io.BytesIO(modified(file, chunks=chunks))) as image:
        assert image.getexif()[ARTIST] == "Zoe" and ORIENTATION not in image.getexif()
        assert "xmp" not in image.info


@pytest.mark.parametrize(
    ("mode", "size", "text"),
    [("RGB", (600, 400), "600x400 is not square"), ("RGB", (8, 8), "8x8 is smaller"), ("HSV", (64, 64), "mode HSV")],
)
def test_images_that_are_no_faces_are_refused(tmp_path: Path, mode: str, size: tuple[int, int], text: str):
    path = tmp_path / "face.grain"
    with pytest.raises(GrainPluginError, match=f"face.grain: .*{text}"):
        Image.new(mode, size).save(path)
    assert not list(tmp_path.iterdir())


def test_a_limit_that_cannot_be_met_leaves_no_file(tmp_path: Path, face: np.ndarray):
    with pytest.raises(GrainPluginError, match="smallest size possible is") as refusal:
        Image.fromarray(face).save(tmp_path / "face.grain", max_bytes=20)
    assert isinstance(refusal.value.__cause__, TooLarge)
    assert not list(tmp_path.iterdir())
    untouched = io.BytesIO()
    with pytest.raises(GrainPluginError):
        Image.fromarray(face).save(untouched, "GRAIN", max_bytes=20)
    assert not untouched.getvalue()


@pytest.mark.parametrize("options", [{"quality": -1}, {"quality": 101}, {"effort": 10}])
def test_options_out_of_range_are_refused(tmp_path: Path, face: np.ndarray, options: dict[str, int]):
    with pytest.raises(ValueError, match="outside"):
        Image.fromarray(face).save(tmp_path / "face.grain", **options)
    assert not list(tmp_path.iterdir())
