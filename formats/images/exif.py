"""EXIF of a photograph, cut down to what may travel with the encoded face.

Kept are what describes the taking of the picture and the words about it. Left out, whatever is asked for:
the embedded thumbnail and maker notes, which may hold another one; orientation, sizes and colour space of
the original's pixels, which are upright sRGB by now; whatever describes how a TIFF stores its pixels. The
GPS position is kept only where that is asked for.

piexif does the reading and writing. It trusts counts and offsets, so it is shown new directories only, of
those entries that are kept and do not lie about their sizes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import piexif

from grain_codec.errors import Corrupt

PREFIX = b"Exif\0\0"
"""What stands before the TIFF header in a JPEG; not part of what is read and written here."""

MOST_BYTES = (1 << 19) - 16
"""Bound on EXIF before and after, just under half of what a .grain file has for chunks; a JPEG holds an eighth."""

MOST_VALUE_BYTES = 1 << 16
"""Bound on a single value that is kept."""

SRGB = 1
"""The value of the tag ColorSpace for sRGB."""

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value, by TIFF's number for its type."""

_ENTRY_BYTES = 12
_LONG = 4
_PICTURE_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n")

_DESCRIPTIVE = frozenset(
    {
        piexif.ImageIFD.ProcessingSoftware,
        piexif.ImageIFD.DocumentName,
        piexif.ImageIFD.ImageDescription,
        piexif.ImageIFD.Make,
        piexif.ImageIFD.Model,
        piexif.ImageIFD.Software,
        piexif.ImageIFD.DateTime,
        piexif.ImageIFD.Artist,
        piexif.ImageIFD.HostComputer,
        piexif.ImageIFD.Rating,
        piexif.ImageIFD.RatingPercent,
        piexif.ImageIFD.Copyright,
        piexif.ImageIFD.XPTitle,
        piexif.ImageIFD.XPComment,
        piexif.ImageIFD.XPAuthor,
        piexif.ImageIFD.XPKeywords,
        piexif.ImageIFD.XPSubject,
    }
)
"""Tags of the main directory that say something of the picture rather than of its storage."""

_OF_THE_ORIGINAL = frozenset(
    {
        piexif.ExifIFD.MakerNote,
        piexif.ExifIFD.PixelXDimension,
        piexif.ExifIFD.PixelYDimension,
        piexif.ExifIFD.RelatedSoundFile,
        piexif.ExifIFD.InteroperabilityTag,
    }
)
"""Tags of the Exif directory that are wrong, or hold too much, beside the encoded face."""

_SAYS_NOTHING = frozenset(
    {
        piexif.ExifIFD.ExifVersion,
        piexif.ExifIFD.FlashpixVersion,
        piexif.ExifIFD.ComponentsConfiguration,
        piexif.ExifIFD.ColorSpace,
    }
)
"""Tags that EXIF has to have, and that are not worth keeping alone."""

KEPT = {
    "0th": _DESCRIPTIVE,
    "Exif": frozenset(piexif.TAGS["Exif"]) - _OF_THE_ORIGINAL,
    "GPS": frozenset(piexif.TAGS["GPS"]),
}
"""Tags that may be kept, by piexif's names of the directories."""

_POINTERS = {"Exif": piexif.ImageIFD.ExifTag, "GPS": piexif.ImageIFD.GPSTag}
"""Tags of the main directory that lead to the others."""


def without_prefix(exif: bytes) -> bytes:
    """EXIF from its TIFF header on; some programs write the prefix twice."""
    return exif.removeprefix(PREFIX).removeprefix(PREFIX)


def clean(exif: bytes, keep_gps: bool) -> bytes:
    """What may be kept of some EXIF.

    Args:
        exif: from the TIFF header on.
        keep_gps: whether that includes the GPS position.

    Returns:
        EXIF from the TIFF header on, without an orientation; empty where nothing is left. Cleaning it again
        changes nothing.

    Raises:
        Corrupt: it is no EXIF, or too damaged to be read.
    """
    loaded = _load(_rebuilt(exif, keep_gps))
    directories = {name: _writable(name, loaded[name]) for name in KEPT}
    if piexif.ExifIFD.ColorSpace in directories["Exif"]:
        directories["Exif"][piexif.ExifIFD.ColorSpace] = SRGB
    worthless = directories["Exif"].keys() <= _SAYS_NOTHING and not directories["0th"] and not directories["GPS"]
    if worthless:
        return b""
    # piexif leaves out the end of its last directory, which makes other readers warn.
    cleaned = without_prefix(piexif.dump(directories)) + bytes(4)
    if len(cleaned) > MOST_BYTES:
        raise Corrupt(f"the EXIF has {len(cleaned)} bytes, more than {MOST_BYTES}")
    return cleaned


def _load(exif: bytes) -> dict[str, Any]:
    """Directories of EXIF whose entries were checked; without a prefix piexif would take it for a path."""
    assert exif[:4] in _ORDERS
    try:
        return piexif.load(PREFIX + exif)
    except Exception as error:  # struct.error, ValueError, TypeError, ... by what is wrong
        raise Corrupt(f"the EXIF cannot be read: {error}") from error


def _writable(name: str, directory: dict[int, Any]) -> dict[int, Any]:
    """The tags of a directory that piexif can write; some cameras give a tag another type than it has."""
    writable = {}
    for tag in directory.keys() & KEPT[name]:
        for value in _spellings(directory[tag]):
            try:
                piexif.dump({"0th": {}, "Exif": {}, "GPS": {}, name: {tag: value}})
            except Exception:  # the errors differ by the kind of mismatch
                continue
            writable[tag] = value
            break
    return writable


def _spellings(value: Any) -> Iterator[Any]:
    """A value, and the same as bytes where it is numbers that can be some."""
    yield value
    numbers = value if isinstance(value, tuple) else (value,)
    if all(isinstance(number, int) and 0 <= number < 256 for number in numbers):
        yield bytes(numbers)


def _rebuilt(exif: bytes, keep_gps: bool) -> bytes:
    """The same EXIF with new directories at its end, of those entries alone that are kept and can be read."""
    order = _ORDERS.get(exif[:4])
    if order is None or not 8 <= len(exif) <= MOST_BYTES:
        raise Corrupt(f"the EXIF does not start as such, or has more than {MOST_BYTES} bytes")
    main = _entries(exif, struct.unpack_from(f"{order}L", exif, 4)[0], order)
    kept = {name: [] for name in KEPT} | {"0th": _readable(exif, main, "0th", order)}
    for name, pointer in _POINTERS.items():
        if name == "Exif" or keep_gps:
            offsets = [struct.unpack_from(f"{order}L", entry, 8)[0] for entry in main if _tag(entry, order) == pointer]
            kept[name] = _readable(exif, _entries(exif, offsets[0], order), name, order) if offsets else []
    if sum(_value_size(entry, order) for entries in kept.values() for entry in entries) > len(exif):
        raise Corrupt("the EXIF claims more bytes than it has")
    rebuilt = bytearray(exif)
    for name, pointer in _POINTERS.items():
        kept["0th"].append(struct.pack(f"{order}HHLL", pointer, _LONG, 1, len(rebuilt)))
        rebuilt += _directory(kept[name], order)
    struct.pack_into(f"{order}L", rebuilt, 4, len(rebuilt))
    return bytes(rebuilt + _directory(kept["0th"], order))


def _directory(entries: list[bytes], order: str) -> bytes:
    """A directory of entries, the last of its chain."""
    return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)


def _entries(exif: bytes, offset: int, order: str) -> list[bytes]:
    """The entries of the directory at an offset, as far as they lie within the EXIF."""
    if offset + 2 > len(exif):
        return []
    (count,) = struct.unpack_from(f"{order}H", exif, offset)
    count = min(count, (len(exif) - offset - 2) // _ENTRY_BYTES)
    return [exif[at : at + _ENTRY_BYTES] for at in range(offset + 2, offset + 2 + count * _ENTRY_BYTES, _ENTRY_BYTES)]


def _readable(exif: bytes, entries: list[bytes], name: str, order: str) -> list[bytes]:
    """Those entries of a directory that are kept, whose values lie within the EXIF, and that are no pictures."""
    readable, seen = [], set()
    for entry in entries:
        tag, size = _tag(entry, order), _value_size(entry, order)
        # Of a tag that comes often only one value is looked at, or a small file could take minutes.
        if tag not in KEPT[name] or tag in seen or not 0 < size <= MOST_VALUE_BYTES:
            continue
        seen.add(tag)
        start = struct.unpack_from(f"{order}L", entry, 8)[0] if size > 4 else 0
        value = exif[start : start + size] if size > 4 else entry[8:]
        if len(value) >= size and not any(signature in value for signature in _PICTURE_SIGNATURES):
            readable.append(entry)
    return readable


def _tag(entry: bytes, order: str) -> int:
    """The tag of an entry."""
    return struct.unpack_from(f"{order}H", entry)[0]


def _value_size(entry: bytes, order: str) -> int:
    """Bytes that an entry claims for its value; 0 where its type is unknown."""
    kind, count = struct.unpack_from(f"{order}HL", entry, 2)
    return _TYPE_SIZES.get(kind, 0) * count
