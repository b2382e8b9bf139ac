"""EXIF of a photograph, reduced to what may travel with the encoded face.

Kept are the circumstances of the photograph and the words about it; the GPS position only where the caller asks for
it. Never kept are

- the embedded thumbnail, and maker notes, which may hold another one;
- orientation, sizes and colour space of the original's pixels, since the encoded pixels are upright sRGB;
- everything that describes how a TIFF stores its pixels.

piexif reads and writes the values. It trusts the counts and offsets that it finds, so it is only given directories
that were made here, of entries that are kept and whose values lie within the data.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import piexif

from grain_codec.errors import Corrupt

PREFIX = b"Exif\0\0"  # It precedes the TIFF header in a JPEG; functions here neither expect nor return it.
MOST_BYTES = (1 << 19) - 16
"""Limit on EXIF before and after: just under half of what a .grain file has for chunks; a JPEG holds an eighth."""

MOST_VALUE_BYTES = 1 << 16  # Limit on a single value that is kept.
SRGB = 1  # The value of the tag ColorSpace for sRGB.
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value, by TIFF's number for its type."""

_LONG = 4
_PICTURE_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n")


def _tags(directory: type, names: str) -> frozenset[int]:
    """Numbers of the tags that piexif has in a directory under these names."""
    return frozenset(getattr(directory, name) for name in names.split())


_DESCRIPTIVE = _tags(
    piexif.ImageIFD,
    "ProcessingSoftware DocumentName ImageDescription Make Model Software DateTime Artist HostComputer Rating "
    "RatingPercent Copyright XPTitle XPComment XPAuthor XPKeywords XPSubject",
)
"""Tags of the main directory that describe the picture rather than its storage."""

_OF_THE_ORIGINAL = _tags(
    piexif.ExifIFD, "MakerNote PixelXDimension PixelYDimension RelatedSoundFile InteroperabilityTag"
)
"""Tags of the Exif directory that are wrong for the encoded face, or hold too much."""

_MANDATORY = _tags(piexif.ExifIFD, "ExifVersion FlashpixVersion ComponentsConfiguration ColorSpace")
"""Tags that EXIF must have, and that are not worth keeping alone."""

KEPT = {
    "0th": _DESCRIPTIVE,
    "Exif": frozenset(piexif.TAGS["Exif"]) - _OF_THE_ORIGINAL,
    "GPS": frozenset(piexif.TAGS["GPS"]),
}
"""Tags that may be kept, by piexif's names of the directories; "0th" is the main one."""

_POINTERS = {"Exif": piexif.ImageIFD.ExifTag, "GPS": piexif.ImageIFD.GPSTag}
"""Tags of the main directory that lead to the others."""


class _Entry(NamedTuple):
    """An entry of a directory, as TIFF stores it; a value of at most 4 bytes takes the place of its offset."""

    tag: int
    kind: int
    values: int
    offset: int

    @property
    def size(self) -> int:
        """Bytes that the value takes, by the entry's own claim; 0 where its type is unknown."""
        return _TYPE_SIZES.get(self.kind, 0) * self.values


def without_prefix(exif: bytes) -> bytes:
    """EXIF from its TIFF header on; some programs write the prefix twice."""
    return exif.removeprefix(PREFIX).removeprefix(PREFIX)


def clean(exif: bytes, keep_gps: bool) -> bytes:
    """Reduces EXIF to what may be kept of it.

    Args:
        exif: from the TIFF header on.
        keep_gps: whether that includes the GPS position.

    Returns:
        EXIF from the TIFF header on, without an orientation; empty where nothing is left. Cleaning it again
        changes nothing.

    Raises:
        Corrupt: it is no EXIF, or too damaged to be read.
    """
    rebuilt = _Rebuilder(exif).run(keep_gps)
    try:
        # Without the prefix piexif would take the bytes for a path.
        loaded: dict[str, dict[int, Any]] = piexif.load(PREFIX + rebuilt)
    except Exception as error:  # Damage raises struct.error, ValueError, TypeError and others.
        raise Corrupt(f"the EXIF cannot be read: {error}") from error
    directories = {name: _writable(name, loaded[name]) for name in KEPT}
    if piexif.ExifIFD.ColorSpace in directories["Exif"]:
        directories["Exif"][piexif.ExifIFD.ColorSpace] = SRGB
    if directories["Exif"].keys() <= _MANDATORY and not directories["0th"] and not directories["GPS"]:
        return b""
    # piexif leaves out the end of its last directory, which makes other readers warn.
    cleaned = without_prefix(piexif.dump(directories)) + bytes(4)
    if len(cleaned) > MOST_BYTES:
        raise Corrupt(f"the EXIF has {len(cleaned)} bytes, more than {MOST_BYTES}")
    return cleaned


def _writable(name: str, directory: dict[int, Any]) -> dict[int, Any]:
    """The values of a directory that piexif can write; some cameras give a tag another type than EXIF does."""
    writable = {}
    for tag in directory.keys() & KEPT[name]:
        for value in _spellings(directory[tag]):
            try:
                piexif.dump({"0th": {}, "Exif": {}, "GPS": {}, name: {tag: value}})
            except Exception:  # The kind of mismatch decides which error it is.
                continue
            writable[tag] = value
            break
    return writable


def _spellings(value: Any) -> Iterator[Any]:
    """A value as piexif read it, and as bytes where it consists of numbers below 256."""
    yield value
    numbers = value if isinstance(value, tuple) else (value,)
    if all(isinstance(number, int) and 0 <= number < 256 for number in numbers):
        yield bytes(numbers)


class _Rebuilder:
    """Appends new directories to EXIF that list only what is kept and can be read safely."""

    def __init__(self, exif: bytes):
        order = _ORDERS.get(exif[:4])
        if order is None or not 8 <= len(exif) <= MOST_BYTES:
            raise Corrupt(f"the EXIF does not start as such, or has more than {MOST_BYTES} bytes")
        self._exif, self._count, self._offset = exif, struct.Struct(f"{order}H"), struct.Struct(f"{order}L")
        self._entry = struct.Struct(f"{order}HHLL")

    def run(self, keep_gps: bool) -> bytes:
        """The same bytes, followed by the new directories, the main one last."""
        main = self._entries(*self._offset.unpack_from(self._exif, 4))
        kept = {"0th": self._readable("0th", main), "Exif": [], "GPS": []}
        for name, pointer in _POINTERS.items():
            offsets = [entry.offset for entry in main if entry.tag == pointer]
            if offsets and (name == "Exif" or keep_gps):
                kept[name] = self._readable(name, self._entries(offsets[0]))
        if sum(entry.size for entries in kept.values() for entry in entries) > len(self._exif):
            raise Corrupt("the EXIF claims more bytes than it has")
        rebuilt = bytearray(self._exif)
        for name, pointer in _POINTERS.items():
            kept["0th"].append(_Entry(pointer, _LONG, 1, len(rebuilt)))
            rebuilt += self._directory(kept[name])
        self._offset.pack_into(rebuilt, 4, len(rebuilt))
        return bytes(rebuilt + self._directory(kept["0th"]))

    def _directory(self, entries: list[_Entry]) -> bytes:
        """The bytes of a directory without a successor."""
        return self._count.pack(len(entries)) + b"".join(self._entry.pack(*entry) for entry in entries) + bytes(4)

    def _entries(self, offset: int) -> list[_Entry]:
        """The entries of the directory at an offset, as far as they lie within the EXIF."""
        start, size = offset + self._count.size, self._entry.size
        if start > len(self._exif):
            return []
        count = min(*self._count.unpack_from(self._exif, offset), (len(self._exif) - start) // size)
        return [_Entry(*fields) for fields in self._entry.iter_unpack(self._exif[start : start + count * size])]

    def _readable(self, name: str, entries: list[_Entry]) -> list[_Entry]:
        """The entries of a directory that are kept, whose values lie within the EXIF and hold no picture."""
        # Only the first entry of each tag is looked at; with thousands of them a small file could take minutes.
        first = {entry.tag: entry for entry in reversed(entries) if 0 < entry.size <= MOST_VALUE_BYTES}
        readable = []
        for entry in entries:
            if entry.tag not in KEPT[name] or first.get(entry.tag) is not entry:
                continue
            inline = entry.size <= self._offset.size
            stored = self._offset.pack(entry.offset) if inline else self._exif[entry.offset : entry.offset + entry.size]
            if len(stored) >= entry.size and not any(signature in stored for signature in _PICTURE_SIGNATURES):
                readable.append(entry)
        return readable
