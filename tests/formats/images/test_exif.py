"""What is kept of a photograph's EXIF, what never is, and how false sizes and offsets are handled."""

from __future__ import annotations

import io
import struct
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from grain_codec.errors import Corrupt
from grain_codec.formats.images import exif

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
MAKE, ORIENTATION, EXIF_POINTER, GPS_POINTER = 0x010F, 0x0112, 0x8769, 0x8825
EXPOSURE_TIME, MAKER_NOTE, USER_COMMENT, COLOUR_SPACE, WIDTH = 0x829A, 0x927C, 0x9286, 0xA001, 0xA002
SCENE_TYPE, LENS_MODEL = 0xA301, 0xA434
LATITUDE_REFERENCE, LATITUDE = 1, 2

Entries = list[tuple[int, int, int, bytes]]


def thumbnail() -> bytes:
    """A small JPEG."""
    written = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(written, "JPEG")
    return written.getvalue()


def directory(order: str, start: int, entries: Entries, following: int = 0) -> bytes:
    """A TIFF directory at `start`, followed by the values that do not fit in its entries."""
    table, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, kind, count, value in entries:
        at = start + 2 + 12 * len(entries) + 4 + len(values)
        short = len(value) <= 4
        table += struct.pack(f"{order}HHL", tag, kind, count) + (value.ljust(4, b"\0") if short else b"")
        if not short:
            table, values = table + struct.pack(f"{order}L", at), values + value
    return table + struct.pack(f"{order}L", following) + values


def photograph(order: str = "<", exif_entries: Entries | None = None) -> bytes:
    """EXIF as a phone writes it: upright by orientation 6, with maker notes, a position and a thumbnail."""
    u16, u32 = struct.Struct(f"{order}H").pack, struct.Struct(f"{order}L").pack
    taken = [
        (EXPOSURE_TIME, RATIONAL, 1, u32(1) + u32(200)),
        (MAKER_NOTE, UNDEFINED, 60, b"maker note ".ljust(60, b"!")),
        (USER_COMMENT, UNDEFINED, 13, b"ASCII\0\0\0hello"),
        (COLOUR_SPACE, SHORT, 1, u16(0xFFFF)),
        (WIDTH, LONG, 1, u32(4032)),
        (LENS_MODEL, ASCII, 8, b"50mm f2\0"),
    ]
    position = [
        (LATITUDE_REFERENCE, ASCII, 2, b"N\0"),
        (LATITUDE, RATIONAL, 3, b"".join(u32(number) + u32(1) for number in (48, 51, 30))),
    ]
    at = {"exif": 600, "gps": 1200, "thumbnail": 1800, "picture": 2000}
    main = [
        (MAKE, ASCII, 8, b"Grainar\0"),
        (ORIENTATION, SHORT, 1, u16(6)),
        (EXIF_POINTER, LONG, 1, u32(at["exif"])),
        (GPS_POINTER, LONG, 1, u32(at["gps"])),
    ]
    small = [(0x0201, LONG, 1, u32(at["picture"])), (0x0202, LONG, 1, u32(len(thumbnail())))]
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + u32(8)
    joined = (header + directory(order, 8, main, at["thumbnail"])).ljust(at["exif"], b"\0")
    taken = taken if exif_entries is None else exif_entries
    joined = (joined + directory(order, at["exif"], taken)).ljust(at["gps"], b"\0")
    joined = (joined + directory(order, at["gps"], position)).ljust(at["thumbnail"], b"\0")
    return (joined + directory(order, at["thumbnail"], small)).ljust(at["picture"], b"\0") + thumbnail()


def as_pillow_reads(cleaned: bytes) -> tuple[dict, dict, dict, dict]:
    """Main, Exif, GPS and thumbnail directory."""
    read = Image.Exif()
    read.load(cleaned)
    main = {tag: value for tag, value in read.items() if tag not in (EXIF_POINTER, GPS_POINTER)}
    return main, *(dict(read.get_ifd(tag)) for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.IFD1))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("keep_gps", [False, True])
def test_descriptions_stay_and_the_rest_goes(order: str, keep_gps: bool) -> None:
    main, taken, position, small = as_pillow_reads(exif.clean(photograph(order), keep_gps))
    assert main == {MAKE: "Grainar"}
    assert taken == {
        EXPOSURE_TIME: 1 / 200,
        USER_COMMENT: b"ASCII\0\0\0hello",
        COLOUR_SPACE: 1,
        LENS_MODEL: "50mm f2",
    }
    assert position == ({LATITUDE_REFERENCE: "N", LATITUDE: (48, 51, 30)} if keep_gps else {})
    assert small == {}


@pytest.mark.parametrize("order", ["<", ">"])
def test_no_byte_of_what_is_left_out_remains(order: str) -> None:
    degrees = struct.pack(f"{order}LL", 51, 1), struct.pack(">LL", 51, 1)
    assert degrees[0] in photograph(order)
    cleaned = exif.clean(photograph(order), keep_gps=False)
    for secret in (*degrees, b"maker note", b"\xff\xd8\xff", thumbnail()[20:60]):
        assert secret not in cleaned


def test_a_picture_in_any_value_goes() -> None:
    hidden = thumbnail()
    entries = [(USER_COMMENT, UNDEFINED, len(hidden) + 8, b"ASCII\0\0\0" + hidden), (LENS_MODEL, ASCII, 2, b"x\0")]
    assert len(hidden) < 1000
    _, taken, _, _ = as_pillow_reads(exif.clean(single(entries), keep_gps=True))
    assert taken == {LENS_MODEL: "x"}


def single(entries: Entries) -> bytes:
    """EXIF of an Exif directory alone."""
    pointer = directory("<", 8, [(EXIF_POINTER, LONG, 1, struct.pack("<L", 26))])
    return b"II*\0\x08\0\0\0" + pointer + directory("<", 26, entries)


@pytest.mark.parametrize("keep_gps", [False, True])
def test_cleaning_again_changes_nothing(keep_gps: bool) -> None:
    cleaned = exif.clean(photograph(), keep_gps)
    assert exif.clean(cleaned, keep_gps) == cleaned


def test_nothing_worth_keeping_is_nothing() -> None:
    trivial = single([(0x9000, UNDEFINED, 4, b"0232"), (COLOUR_SPACE, SHORT, 1, b"\1\0"), (WIDTH, SHORT, 1, b"\0\4")])
    assert exif.clean(trivial, keep_gps=True) == b""
    only_turned = b"II*\0\x08\0\0\0" + directory("<", 8, [(ORIENTATION, SHORT, 1, b"\6\0")])
    assert exif.clean(only_turned, keep_gps=True) == b""


def test_values_of_the_wrong_type_spoil_nothing_else() -> None:
    entries = [
        (EXPOSURE_TIME, ASCII, 6, b"1/200\0"),  # a rational as text
        (USER_COMMENT, BYTE, 13, b"ASCII\0\0\0hello"),  # bytes as numbers
        (LENS_MODEL, ASCII, 8, b"50mm f2\0"),
        (SCENE_TYPE, BYTE, 1, b"\1"),
    ]
    _, taken, _, _ = as_pillow_reads(exif.clean(photograph(exif_entries=entries), keep_gps=False))
    assert taken == {USER_COMMENT: b"ASCII\0\0\0hello", LENS_MODEL: "50mm f2", SCENE_TYPE: b"\1"}


def test_prefixes_are_no_part_of_exif() -> None:
    assert exif.without_prefix(b"Exif\0\0Exif\0\0II*\0") == exif.without_prefix(b"II*\0") == b"II*\0"


def test_bytes_that_name_a_file_open_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (16, 16)).save(secret, exif=photograph())
    for name in (str(secret).encode(), b"", b"Exif", b"II", b"MM\0*", b"RIFF....WEBP", secret.read_bytes()):
        with pytest.raises(Corrupt):
            exif.clean(name, keep_gps=True)


def lying(entries: list[tuple[int, int, int, int]], size: int, following: int = 8) -> bytes:
    """EXIF of one directory whose entries (tag, type, count, offset) may be false, padded to a size in bytes."""
    table = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    listed = struct.pack("<H", len(entries)) + table + struct.pack("<L", following)
    return (b"II*\0\x08\0\0\0" + listed).ljust(size, b"U")


MANY = exif.MOST_BYTES
HOSTILE = {
    "counts beyond the end": lying([(MAKE, kind, 0xFFFFFFFF, 8) for kind in range(14)], 400),
    "offset beyond the end": lying([(MAKE, ASCII, 100, 0xFFFFFFF0)], 400),
    "directories that contain themselves": lying([(EXIF_POINTER, LONG, 1, 8), (GPS_POINTER, LONG, 1, 8)], 400),
    "a directory beyond the end": b"II*\0\xf0\xff\xff\xff",
    "more entries than bytes": b"II*\0\x08\0\0\0\xff\xff" + b"\x0f\1\2\0\xff\xff\xff\xff\x08\0\0\0" * 40,
    "one tag a great many times": lying([(MAKE, ASCII, 60_000, 8)] * 43_000, MANY),
    "all tags of the same large value": lying([(tag, BYTE, 60_000, 8) for tag in sorted(exif.KEPT["0th"])], 61_000),
    "large numbers": lying([(tag, RATIONAL, 8_000, 8) for tag in sorted(exif.KEPT["0th"])], MANY),
    "a megabyte": b"II*\0\x08\0\0\0" + bytes(1 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_lies_is_refused_or_left_out_at_once(kind: str) -> None:
    started = time.perf_counter()
    with suppress(Corrupt):
        assert len(exif.clean(HOSTILE[kind], keep_gps=True)) <= len(HOSTILE[kind])
    assert time.perf_counter() - started < 5


@given(st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 255)), max_size=8))
@settings(deadline=None)
def test_damage_never_leaks_and_raises_nothing_else(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(photograph())
    for at, value in changes:
        damaged[at % len(damaged)] = value
    try:
        cleaned = exif.clean(bytes(damaged), keep_gps=False)
    except Corrupt:
        return
    assert b"\xff\xd8\xff" not in cleaned
    if cleaned:
        main, taken, position, small = as_pillow_reads(cleaned)
        assert not position and not small and ORIENTATION not in main and MAKER_NOTE not in taken
        assert exif.clean(cleaned, keep_gps=True) == cleaned


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_else(garbage: bytes) -> None:
    for data in (garbage, b"II*\0" + garbage, b"MM\0*\0\0\0\x08" + garbage):
        with suppress(Corrupt):
            exif.clean(data, keep_gps=True)
