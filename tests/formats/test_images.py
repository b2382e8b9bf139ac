"""Pictures of every mode, orientation and kind of damage."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from grain_codec.errors import BadImage
from grain_codec.formats.images import FORMATS, format_of_suffix, read_face, resize_square, write_image

SIDE = 32
TEAL = (40, 120, 200)
ORIENTATION = 0x0112


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """The file that Pillow writes for an image."""
    written = io.BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


def colour_of(source: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture."""
    return tuple(read_face(source, "face", SIDE)[SIDE // 2, SIDE // 2].tolist())


def flat(mode: str, colour: object) -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, (SIDE, SIDE), colour)


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


def test_rgb_of_the_right_size_is_untouched() -> None:
    picture = oriented_picture()
    face = read_face(saved(Image.fromarray(picture)), "face", SIDE)
    assert face.dtype == np.uint8 and face.flags.writeable
    np.testing.assert_array_equal(face, picture)


@pytest.mark.parametrize(
    ("image", "format", "expected"),
    [
        (flat("L", 77), "PNG", (77, 77, 77)),
        (flat("1", 1), "PNG", (255, 255, 255)),
        (flat("1", 0), "PNG", (0, 0, 0)),
        (flat("LA", (100, 255)), "PNG", (100, 100, 100)),
        (flat("LA", (100, 0)), "PNG", (255, 255, 255)),
        (flat("RGBA", (*TEAL, 255)), "PNG", TEAL),
        (flat("RGBA", (*TEAL, 0)), "PNG", (255, 255, 255)),
        (flat("RGBA", (0, 0, 0, 128)), "PNG", (127, 127, 127)),
        (flat("RGB", TEAL).quantize(4), "PNG", TEAL),
        (flat("RGB", TEAL), "GIF", TEAL),
        (flat("I;16", 0), "PNG", (0, 0, 0)),
        (flat("I;16", 65535), "PNG", (255, 255, 255)),
        (flat("I;16", 32896), "PNG", (128, 128, 128)),
        (flat("I;16", 32896), "TIFF", (128, 128, 128)),
        (flat("I", 32896), "TIFF", (128, 128, 128)),
        (flat("I", 70000), "TIFF", (255, 255, 255)),
        (flat("F", 0.5), "TIFF", (128, 128, 128)),
        (flat("F", 200.0), "TIFF", (200, 200, 200)),
        (flat("F", float("nan")), "TIFF", (0, 0, 0)),
        (flat("CMYK", (0, 0, 0, 0)), "TIFF", (255, 255, 255)),
        (flat("CMYK", (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (flat("LAB", (255, 128, 128)), "TIFF", None),
        (flat("YCbCr", (128, 128, 128)), "TIFF", (128, 128, 128)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_every_mode_becomes_its_colour(image: Image.Image, format: str, expected: tuple[int, ...] | None) -> None:
    if expected is None:  # what the colour management makes of Lab is its own affair
        expected = tuple(np.array(image.convert("RGB"))[0, 0].tolist())
    assert colour_of(saved(image, format)) == expected


def test_big_endian_sixteen_bits() -> None:
    samples = np.full((SIDE, SIDE), 32896, ">u2")
    pgm = b"P5\n%d %d\n65535\n" % (SIDE, SIDE) + samples.tobytes()
    assert colour_of(pgm) == (128, 128, 128)


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_palette_transparency_becomes_white(format: str) -> None:
    palette = flat("P", 1)
    palette.putpalette([0, 0, 0, *TEAL])
    assert colour_of(saved(palette, format, transparency=0)) == TEAL
    assert colour_of(saved(palette, format, transparency=1)) == (255, 255, 255)


def test_transparent_colour_of_rgb_becomes_white() -> None:
    assert colour_of(saved(flat("RGB", TEAL), "PNG", transparency=TEAL)) == (255, 255, 255)


def test_first_frame_of_an_animation() -> None:
    source = saved(flat("RGB", TEAL), "GIF", save_all=True, append_images=[flat("RGB", (255, 0, 0))])
    assert colour_of(source) == TEAL


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}
NEARLY_LOSSLESS = {fmt: {"quality": 100, "subsampling": "4:4:4"} for fmt in ("JPEG", "AVIF")}


@pytest.mark.parametrize("format", [*LOSSLESS, *NEARLY_LOSSLESS])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, format: str) -> None:
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    upright = oriented_picture()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = (LOSSLESS | NEARLY_LOSSLESS)[format]
    source = saved(Image.fromarray(turned_for(orientation, upright)), format, exif=exif, **options)
    difference = np.abs(read_face(source, "face", SIDE).astype(int) - upright)
    # Turned any other way, the pictures differ by 40 in the mean and more.
    assert difference.max() == 0 if format in LOSSLESS else difference.mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_xmp_is_applied_where_exif_has_none(orientation: int) -> None:
    upright = oriented_picture()
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="{orientation}"/>'.encode()
    source = saved(Image.fromarray(turned_for(orientation, upright)), "WEBP", xmp=xmp, lossless=True)
    np.testing.assert_array_equal(read_face(source, "face", SIDE), upright)


def test_orientation_of_sixteen_bits() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 64
    face = read_face(saved(Image.fromarray(np.ascontiguousarray(np.rot90(upright))), "PNG", exif=exif), "face", SIDE)
    np.testing.assert_array_equal(face[..., 0], np.round(upright / 257).astype(np.uint8))


def test_broken_exif_is_ignored() -> None:
    source = saved(flat("RGB", TEAL), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    assert colour_of(source) == TEAL


def swapped_profile() -> bytes:
    """An RGB profile under which red samples mean green and green ones red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, green = (tags[name] + 4 for name in (b"rXYZ", b"gXYZ"))
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "GRBs".encode("utf-16-be"))


def test_embedded_profile_is_applied() -> None:
    red, green, blue = colour_of(saved(flat("RGB", (200, 30, 60)), icc_profile=swapped_profile()))
    assert abs(red - 30) <= 2 and abs(green - 200) <= 2 and abs(blue - 60) <= 2


def test_rgb_profile_of_a_grey_picture_is_applied() -> None:
    assert max(abs(value - 90) for value in colour_of(saved(flat("L", 90), icc_profile=swapped_profile()))) <= 2


PRIMARIES = {
    "sRGB": [(0.640, 0.330), (0.300, 0.600), (0.150, 0.060)],
    "Display P3": [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)],
    "Adobe RGB": [(0.640, 0.330), (0.210, 0.710), (0.150, 0.060)],
}
"""Chromaticities of red, green and blue: IEC 61966-2-1, SMPTE EG 432-1, Adobe RGB (1998). White is D65 in all."""

D65, D50 = np.array([0.95047, 1.0, 1.08883]), np.array([0.96422, 1.0, 0.82521])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
ADOBE_GAMMA = 563 / 256


def to_xyz(space: str) -> np.ndarray:
    """The matrix from linear RGB of a colour space to XYZ under D65."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in PRIMARIES[space]]).T
    return columns * np.linalg.solve(columns, D65)


def linear(samples: np.ndarray, space: str) -> np.ndarray:
    """Encoded samples from 0 to 1 as amounts of light."""
    if space == "Adobe RGB":
        return samples**ADOBE_GAMMA
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def in_srgb(samples: np.ndarray, space: str) -> np.ndarray:
    """Samples from 0 to 255 of a colour space in sRGB, clipped to what it has; the reference."""
    light = linear(samples / 255, space) @ (np.linalg.inv(to_xyz("sRGB")) @ to_xyz(space)).T
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def profile_of(space: str) -> bytes:
    """An ICC profile of version 2 made here: three primaries adapted to D50, a curve, a white point, a name."""
    scale = BRADFORD @ D50 / (BRADFORD @ D65)
    adapted = np.linalg.inv(BRADFORD) @ (scale[:, None] * BRADFORD) @ to_xyz(space)
    curve = linear(np.arange(1024) / 1023, space)
    levels = (curve * 65535).round().astype(">u2").tobytes()
    tags = {b"wtpt": D50, b"rXYZ": adapted[:, 0], b"gXYZ": adapted[:, 1], b"bXYZ": adapted[:, 2]}
    written = {name: b"XYZ \0\0\0\0" + (xyz * 65536).round().astype(">i4").tobytes() for name, xyz in tags.items()}
    written |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">L", 1024) + levels)
    name = space.encode() + b"\0"
    written[b"desc"] = b"desc\0\0\0\0" + struct.pack(">L", len(name)) + name + bytes(78)
    written[b"cprt"] = b"text\0\0\0\0none\0"
    table, body = struct.pack(">L", len(written)), b""
    for tag, content in written.items():
        table += tag + struct.pack(">LL", 132 + 12 * len(written) + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    white = (D50 * 65536).round().astype(">i4").tobytes()
    header = b"none" + bytes([2, 0x20, 0, 0]) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + white + bytes(48)
    return struct.pack(">L", 4 + len(header) + len(table) + len(body)) + header + table + body


def colours() -> np.ndarray:
    """Every combination of nine levels, uint8 `[27, 27, 3]`."""
    levels = np.linspace(0, 255, 9).round()
    return np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3).astype(np.uint8)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("space", ["Display P3", "Adobe RGB"])
def test_wide_gamuts_become_srgb(space: str, format: str) -> None:
    wide, options = colours(), LOSSLESS[format]
    face = read_face(saved(Image.fromarray(wide), format, icc_profile=profile_of(space), **options), "face", 27)
    expected = in_srgb(wide.astype(float), space)
    assert np.abs(expected - wide).max() > 60, "the profile makes a difference"
    assert np.abs(face - expected).max() <= 1


@pytest.mark.parametrize("format", NEARLY_LOSSLESS)
@pytest.mark.parametrize("space", ["Display P3", "Adobe RGB"])
def test_wide_gamuts_of_formats_with_losses(space: str, format: str) -> None:
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    for colour in ((200, 120, 90), (60, 160, 80), (128, 128, 128)):
        source = saved(flat("RGB", colour), format, icc_profile=profile_of(space), **NEARLY_LOSSLESS[format])
        expected = in_srgb(np.array(colour, float), space)
        assert np.abs(colour_of(source) - expected).max() <= 4


def test_white_and_greys_of_wide_gamuts_stay_neutral() -> None:
    for level in (0, 64, 255):
        red, green, blue = colour_of(saved(flat("RGB", (level,) * 3), icc_profile=profile_of("Display P3")))
        assert max(red, green, blue) - min(red, green, blue) <= 1 and abs(green - level) <= 1


def test_transparent_parts_of_wide_gamuts_are_white() -> None:
    source = saved(flat("RGBA", (0, 255, 0, 0)), icc_profile=profile_of("Display P3"))
    assert colour_of(source) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200], b"\0" * 128])
def test_broken_profile_is_ignored(profile: bytes) -> None:
    assert colour_of(saved(flat("RGB", TEAL), icc_profile=profile)) == TEAL


def test_profile_of_another_colour_space_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert colour_of(saved(flat("RGB", TEAL), icc_profile=lab)) == TEAL


def test_srgb_profile_changes_no_sample() -> None:
    picture = oriented_picture()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(Image.fromarray(picture), icc_profile=srgb)
    np.testing.assert_array_equal(read_face(source, "face", SIDE), picture)


@pytest.mark.parametrize("side", [16, 31, 33, 200])
def test_other_sizes_are_resized(side: int) -> None:
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
def test_crop(portrait: bool, crop: str, colour: tuple[int, ...]) -> None:
    face = read_face(saved(thirds(portrait)), "face", 16, crop)
    assert (face == colour).all()


def test_crop_sees_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 8  # shown turned to the left: the right band comes to lie on top
    source = saved(thirds(portrait=False), exif=exif)
    assert (read_face(source, "face", 16, "top") == (0, 0, 255)).all()


def test_not_square_is_refused_with_a_way_out() -> None:
    with pytest.raises(BadImage, match=r"^wide\.png: 48x16 .*--crop center .*--crop top"):
        read_face(saved(thirds(portrait=False)), "wide.png", 16)


@pytest.mark.parametrize("size", [(15, 15), (400, 8), (1, 1)])
def test_too_small_is_refused(size: tuple[int, int]) -> None:
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
def test_truncated_files_are_refused(format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    whole = saved(Image.fromarray(noise), format)
    for length in (12, len(whole) // 3, len(whole) // 2):
        with pytest.raises(BadImage, match="^cut: "):
            read_face(whole[:length], "cut", SIDE)


@pytest.mark.parametrize("source", [b"", b"\0", b"not a picture at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_other_files_are_refused(source: bytes) -> None:
    with pytest.raises(BadImage, match="^notes.txt: "):
        read_face(source, "notes.txt")


def test_random_damage_is_refused_or_survived() -> None:
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


@pytest.mark.parametrize(("format", "tolerance"), [("PNG", 0), ("TIFF", 0), ("BMP", 0), ("JPEG", 3), ("WebP", 6)])
def test_written_images_read_back(format: str, tolerance: int) -> None:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    picture = np.stack([row * 4, column * 4, row + column], -1).astype(np.uint8)
    encoded = write_image(picture, format)
    assert Image.open(io.BytesIO(encoded)).format == format.upper()
    difference = np.abs(read_face(encoded, "face", SIDE).astype(int) - picture)
    assert difference.mean() <= tolerance


def test_jpeg_keeps_full_colour_resolution() -> None:
    written = Image.open(io.BytesIO(write_image(oriented_picture(), "JPEG")))
    assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3


def test_resize_square() -> None:
    picture = np.full((64, 64, 3), TEAL, np.uint8)
    for size in (16, 64, 100):
        assert (resize_square(picture, size) == np.full((size, size, 3), TEAL, np.uint8)).all()


def test_suffixes() -> None:
    assert format_of_suffix(Path("a.PNG")) == "PNG"
    assert format_of_suffix(Path("a.jpeg")) == format_of_suffix(Path("b.jpg")) == "JPEG"
    assert format_of_suffix(Path("a.tif")) == "TIFF"
    for name in ("face.xyz", "face"):
        with pytest.raises(BadImage) as refused:
            format_of_suffix(Path(name))
        assert name in str(refused.value) and all(suffix in str(refused.value) for suffix in FORMATS)
