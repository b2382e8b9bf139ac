"""The colours of pictures: modes, transparency and embedded profiles all end in sRGB."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from grain_codec.formats.images.reading import read_face, read_photo

SIDE = 32
TEAL = (40, 120, 200)


def colour_of(source: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture."""
    return tuple(read_face(source, "face", SIDE)[SIDE // 2, SIDE // 2].tolist())


def flat(mode: str, colour: object) -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, (SIDE, SIDE), colour)


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
def test_every_mode_becomes_its_colour(
    image: Image.Image, format: str, expected: tuple[int, ...] | None, saved: Callable
) -> None:
    if expected is None:  # what the colour management makes of Lab is its own affair
        expected = tuple(np.array(image.convert("RGB"))[0, 0].tolist())
    assert colour_of(saved(image, format)) == expected


def test_big_endian_sixteen_bits() -> None:
    samples = np.full((SIDE, SIDE), 32896, ">u2")
    pgm = b"P5\n%d %d\n65535\n" % (SIDE, SIDE) + samples.tobytes()
    assert colour_of(pgm) == (128, 128, 128)


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_palette_transparency_becomes_white(format: str, saved: Callable) -> None:
    palette = flat("P", 1)
    palette.putpalette([0, 0, 0, *TEAL])
    assert colour_of(saved(palette, format, transparency=0)) == TEAL
    assert colour_of(saved(palette, format, transparency=1)) == (255, 255, 255)


def test_transparent_colour_of_rgb_becomes_white(saved: Callable) -> None:
    assert colour_of(saved(flat("RGB", TEAL), "PNG", transparency=TEAL)) == (255, 255, 255)


@pytest.mark.parametrize(("transparency", "expected"), [(4660, (255,) * 3), (4661, (18,) * 3)])
def test_transparent_level_of_sixteen_bits_becomes_white(transparency: int, expected: tuple[int, ...]) -> None:
    picture = flat("I;16", 4660)
    picture.info["transparency"] = transparency
    assert tuple(read_photo(picture, "face")[0, 0]) == expected


def test_first_frame_of_an_animation(saved: Callable) -> None:
    source = saved(flat("RGB", TEAL), "GIF", save_all=True, append_images=[flat("RGB", (255, 0, 0))])
    assert colour_of(source) == TEAL


def swapped_profile() -> bytes:
    """An RGB profile under which red samples mean green and green ones red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, green = (tags[name] + 4 for name in (b"rXYZ", b"gXYZ"))
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "GRBs".encode("utf-16-be"))


def test_embedded_profile_is_applied(saved: Callable) -> None:
    red, green, blue = colour_of(saved(flat("RGB", (200, 30, 60)), icc_profile=swapped_profile()))
    assert abs(red - 30) <= 2 and abs(green - 200) <= 2 and abs(blue - 60) <= 2


def test_rgb_profile_of_a_grey_picture_is_applied(saved: Callable) -> None:
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
    """Encoded samples from 0 to 1 as linear light."""
    if space == "Adobe RGB":
        return samples**ADOBE_GAMMA
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def in_srgb(samples: np.ndarray, space: str) -> np.ndarray:
    """The reference: samples from 0 to 255 of a colour space, converted to sRGB and clipped."""
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
def test_wide_gamuts_become_srgb(space: str, format: str, saved_finely: Callable) -> None:
    wide = colours()
    face = read_face(saved_finely(Image.fromarray(wide), format, icc_profile=profile_of(space)), "face", 27)
    expected = in_srgb(wide.astype(float), space)
    assert np.abs(expected - wide).max() > 60, "the profile makes a difference"
    assert np.abs(face - expected).max() <= 1


@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
@pytest.mark.parametrize("space", ["Display P3", "Adobe RGB"])
def test_wide_gamuts_of_formats_with_losses(space: str, format: str, saved_finely: Callable) -> None:
    for colour in ((200, 120, 90), (60, 160, 80), (128, 128, 128)):
        source = saved_finely(flat("RGB", colour), format, icc_profile=profile_of(space))
        expected = in_srgb(np.array(colour, float), space)
        assert np.abs(colour_of(source) - expected).max() <= 4


def test_white_and_greys_of_wide_gamuts_stay_neutral(saved: Callable) -> None:
    for level in (0, 64, 255):
        red, green, blue = colour_of(saved(flat("RGB", (level,) * 3), icc_profile=profile_of("Display P3")))
        assert max(red, green, blue) - min(red, green, blue) <= 1 and abs(green - level) <= 1


def test_transparent_parts_of_wide_gamuts_are_white(saved: Callable) -> None:
    source = saved(flat("RGBA", (0, 255, 0, 0)), icc_profile=profile_of("Display P3"))
    assert colour_of(source) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200], b"\0" * 128])
def test_broken_profile_is_ignored(profile: bytes, saved: Callable) -> None:
    assert colour_of(saved(flat("RGB", TEAL), icc_profile=profile)) == TEAL


def test_profile_of_another_colour_space_is_ignored(saved: Callable) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert colour_of(saved(flat("RGB", TEAL), icc_profile=lab)) == TEAL


def test_srgb_profile_changes_no_sample(saved: Callable) -> None:
    picture = colours()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(Image.fromarray(picture), icc_profile=srgb)
    np.testing.assert_array_equal(read_face(source, "face", 27), picture)
