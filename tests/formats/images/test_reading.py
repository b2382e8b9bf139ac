"""Pictures of every orientation, size, crop and kind of damage."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images.reading import is_picture, read_face, resize_square

SIDE = 32
TEAL = (40, 120, 200)
ORIENTATION = 0x0112
LOSSLESS = ("PNG", "WEBP", "TIFF")


def oriented_picture() -> np.ndarray:
    """A picture that none of the eight orientations leaves as it is."""
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([row * 8, column * 8, np.where(row < 4, 255, 0)], -1).astype(np.uint8)


def turned_for(orientation: int, upright: np.ndarray) -> np.ndarray:
    """The stored samples that show `upright` when a viewer applies the orientation."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(stored[orientation])


def test_rgb_of_the_right_size_is_untouched(saved: Callable) -> None:
    picture = oriented_picture()
    face = read_face(saved(Image.fromarray(picture)), "face", SIDE)
    assert face.dtype == np.uint8 and face.flags.writeable
    np.testing.assert_array_equal(face, picture)


@pytest.mark.parametrize("format", [*LOSSLESS, "JPEG", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, format: str, saved_finely: Callable) -> None:
    upright = oriented_picture()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    source = saved_finely(Image.fromarray(turned_for(orientation, upright)), format, exif=exif)
    difference = np.abs(read_face(source, "face", SIDE).astype(int) - upright)
    # Turned any other way, the pictures differ by 40 in the mean and more.
    assert difference.max() == 0 if format in LOSSLESS else difference.mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_xmp_is_applied_where_exif_has_none(orientation: int, saved_finely: Callable) -> None:
    upright = oriented_picture()
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="{orientation}"/>'.encode()
    source = saved_finely(Image.fromarray(turned_for(orientation, upright)), "WEBP", xmp=xmp)
    np.testing.assert_array_equal(read_face(source, "face", SIDE), upright)


def test_orientation_of_sixteen_bits(saved: Callable) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 64
    face = read_face(saved(Image.fromarray(np.ascontiguousarray(np.rot90(upright))), "PNG", exif=exif), "face", SIDE)
    np.testing.assert_array_equal(face[..., 0], np.round(upright / 257).astype(np.uint8))


def test_broken_exif_is_ignored(saved: Callable) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"
    source = saved(Image.new("RGB", (SIDE, SIDE), TEAL), exif=exif)
    assert (read_face(source, "face", SIDE) == TEAL).all()


@pytest.mark.parametrize("side", [16, 31, 33, 200])
def test_other_sizes_are_resized(side: int, saved: Callable) -> None:
    face = read_face(saved(Image.new("RGB", (side, side), TEAL)), "face", SIDE)
    assert face.shape == (SIDE, SIDE, 3)
    assert (face == TEAL).all()


def thirds(portrait: bool) -> Image.Image:
    """Red, green and blue bands of 16 px, one above the other or side by side."""
    bands = np.repeat(np.eye(3, dtype=np.uint8) * 255, 16, 0)
    picture = np.broadcast_to(bands[:, None], (48, 16, 3))
    return Image.fromarray(np.ascontiguousarray(picture if portrait else picture.transpose(1, 0, 2)))


@pytest.mark.parametrize(
    ("portrait", "crop", "colour"),
    [(True, "center", (0, 255, 0)), (True, "top", (255, 0, 0)), (False, "top", (0, 255, 0))],
)
def test_crop(portrait: bool, crop: str, colour: tuple[int, ...], saved: Callable) -> None:
    face = read_face(saved(thirds(portrait)), "face", 16, crop)
    assert (face == colour).all()


def test_crop_sees_the_upright_picture(saved: Callable) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 8  # shown turned to the left: the right band comes to lie on top
    source = saved(thirds(portrait=False), exif=exif)
    assert (read_face(source, "face", 16, "top") == (0, 0, 255)).all()


def test_not_square_is_refused_with_a_way_out(saved: Callable) -> None:
    with pytest.raises(BadImage, match=r"^wide\.png: 48x16 .*--crop center .*--crop top"):
        read_face(saved(thirds(portrait=False)), "wide.png", 16)


@pytest.mark.parametrize("size", [(15, 15), (400, 8), (1, 1)])
def test_too_small_is_refused(size: tuple[int, int], saved: Callable) -> None:
    with pytest.raises(BadImage, match=rf"^face: {size[0]}x{size[1]} is smaller than 16x16"):
        read_face(saved(Image.new("RGB", size)), "face", SIDE, "center")


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds no samples."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\0IDAT"


@pytest.mark.parametrize("side", [10_001, 12_000, 60_000])
def test_too_many_pixels_are_refused_by_the_header(side: int) -> None:
    with pytest.raises(BadImage, match=r"^bomb\.png: .*more than 100 million pixels"):
        read_face(png_header(side, side), "bomb.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_truncated_files_are_refused(format: str, saved: Callable) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    whole = saved(Image.fromarray(noise), format)
    for length in (12, len(whole) // 3, len(whole) // 2):
        with pytest.raises(BadImage, match="^cut: "):
            read_face(whole[:length], "cut", SIDE)


@pytest.mark.parametrize("source", [b"", b"\0", b"not a picture at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_other_files_are_refused(source: bytes) -> None:
    with pytest.raises(BadImage, match="^notes.txt: "):
        read_face(source, "notes.txt")


def test_random_damage_is_refused_or_survived(saved: Callable) -> None:
    random = np.random.default_rng(1)
    for format in ("PNG", "JPEG", "GIF", "TIFF", "BMP"):
        whole = saved(Image.fromarray(oriented_picture()), format)
        for _ in range(60):
            damaged = bytearray(whole)
            for at in random.integers(0, len(damaged), 3):
                damaged[at] = random.integers(0, 256)
            try:
                face = read_face(bytes(damaged), "face", SIDE, "center")
            except BadImage as error:
                assert str(error).startswith("face: ")
            else:
                assert face.shape == (SIDE, SIDE, 3)


def test_resize_square() -> None:
    picture = np.full((64, 64, 3), TEAL, np.uint8)
    for size in (16, 64, 100):
        assert (resize_square(picture, size) == np.full((size, size, 3), TEAL, np.uint8)).all()


def test_a_picture_is_known_by_its_first_bytes(saved: Callable) -> None:
    whole = saved(Image.fromarray(oriented_picture()))
    assert is_picture(whole) and is_picture(whole[: len(whole) // 2])
    assert not is_picture(b"") and not is_picture(b"notes") and not is_picture(whole[:4])
