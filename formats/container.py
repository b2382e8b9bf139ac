"""The .grain file: the compressed face, what a decoder must know before it reads it, and a checksum.

This text specifies the format; the tables of fields below drive reader, writer and inspector. All numbers are
little-endian. Where two fields share a byte, the first one is in its low half.

    offset  bytes     field         content
    0       4         magic         8A 47 52 4E
    4       low half  flags         bit 0: chunks follow, bit 1: the face is grey; bits 2 and 3 are reserved and zero
    4       high half version       1, or 2 where the payload has more than 768 bytes
    5       1         fine quality  which quantiser steps the payload counts in
    6       3         fingerprint   of the weights that give the payload its meaning
    9       0 to 4095 payload       all that is left before the CRC; its last byte is not zero
    end     3         CRC           low 24 bits of the CRC-32 (as in zlib) of all bytes before it

Where bit 0 of the flags is set, the payload's length stands before it and one or more chunks after it:

    9       1 or 2    length        of the payload, LEB128
            0 to 4095 payload       its last byte is not zero
            1         tag           02: EXIF, from its TIFF header on, 04: ICC profile, 06: XMP in UTF-8,
                                    08: alignment; see below for others
            1 to 4    length        of the content, LEB128
            0 or more content       then the tag of the next chunk, or the CRC

Each tag is larger than the one before it. A reader keeps a chunk whose tag it does not know, unless the tag is odd:
such a chunk is critical, and the reader refuses the file. All chunks together, with their tags and lengths, take at
most 1 MiB. LEB128 writes a number seven bits a byte, low bits first; the top bit is set in all bytes but the last,
and no shorter spelling is possible. Entropy decoders read zeros past the end of a payload, so a payload that ended in
zeros would be a second spelling of the same face. The CRC finds every single flipped bit and misses other damage once
in 2 ** 24 times.

Where bit 1 is set, the photograph had no colour, and a decoder replaces the three samples of each drawn pixel by their
mean.

The bytes "face" at fine quality 22 under the weights a1b2c3, without and with an EXIF chunk "II":

    8a 47 52 4e 10 16 a1 b2 c3 66 61 63 65 33 2e 34
    8a 47 52 4e 11 16 a1 b2 c3 04 66 61 63 65 02 02 49 49 4c 7e 1e
"""

import zlib
from dataclasses import dataclass
from typing import Self

from grain_codec.coding.grid import MOST_PAYLOAD
from grain_codec.errors import BadImage, Corrupt, NotGrain, Truncated, UnsupportedVersion
from grain_codec.settings import Chunk

MAGIC = b"\x8aGRN"
SHORT_VERSION, LONG_VERSION = 1, 2
CHUNKS_FOLLOW, GREY_FACE = 1, 2  # Flags.
FINGERPRINT_BYTES = 3
MOST_SHORT_PAYLOAD = 768  # Bytes of the largest payload in a file of SHORT_VERSION.
MOST_LEB128_BYTES = 4
MOST_CHUNK_BYTES = 1 << 20  # Limit on all chunks of a file together, their tags and lengths included.
EXIF = 0x02
ICC_PROFILE = 0x04
XMP = 0x06
ALIGNMENT = 0x08
CHUNK_NAMES = {EXIF: "EXIF", ICC_PROFILE: "ICC profile", XMP: "XMP", ALIGNMENT: "alignment"}


@dataclass(frozen=True)
class Field:
    """A number of fixed width; `as_bytes` makes `show` print its bytes in hexadecimal."""

    name: str
    bits: int
    as_bytes: bool = False

    def show(self, value: int) -> str:
        """The value as `grain-info` prints it."""
        return value.to_bytes(self.bits // 8, "little").hex() if self.as_bytes else str(value)


PARAMETERS = (
    Field("flags", 4),
    Field("version", 4),
    Field("fine quality", 8),
    Field("fingerprint", 8 * FINGERPRINT_BYTES, as_bytes=True),
)
"""The fields that a decoder must know before it reads the payload; the PNG carrier stores the same bytes."""

HEADER = (Field("magic", 8 * len(MAGIC), as_bytes=True), *PARAMETERS)
CHUNK_HEAD = (Field("tag", 8),)
TRAILER = (Field("CRC", 24, as_bytes=True),)


def width(fields: tuple[Field, ...]) -> int:
    """Bytes that the fields take together."""
    return sum(field.bits for field in fields) // 8


OVERHEAD = width(HEADER) + width(TRAILER)  # Bytes that a file without chunks has beyond its payload.
MOST_FILE = OVERHEAD + 2 + MOST_PAYLOAD + MOST_CHUNK_BYTES
"""The largest .grain file, in bytes; 2 is the longest length of a payload."""


@dataclass(frozen=True)
class Parameters:
    """The parameters that a decoder must know before it reads the payload."""

    fine_quality: int  # 0 to 255.
    fingerprint: bytes  # FINGERPRINT_BYTES bytes that name the weights.
    flags: int = 0  # 0 to 15.
    version: int = SHORT_VERSION

    def pack(self) -> bytes:
        """The bytes of PARAMETERS; raises ValueError when a number does not fit."""
        assert len(self.fingerprint) == FINGERPRINT_BYTES
        values = {"flags": self.flags, "version": self.version, "fine quality": self.fine_quality}
        return write_fields(PARAMETERS, values | {"fingerprint": int.from_bytes(self.fingerprint, "little")})

    @classmethod
    def unpack(cls, data: bytes, known_flags: int) -> Self:
        """Reads the bytes of PARAMETERS.

        Raises:
            UnsupportedVersion: the version is not known, or a flag other than `known_flags` is set.
        """
        values = read_fields(PARAMETERS, data)
        flags, version = values["flags"], values["version"]
        if version not in (SHORT_VERSION, LONG_VERSION):
            known = f"only {SHORT_VERSION} and {LONG_VERSION} are known here"
            raise UnsupportedVersion(f"the face is of format version {version}; {known}")
        if flags & ~known_flags:
            raise UnsupportedVersion(f"the face uses a feature that is not known here (flags {flags:04b})")
        fingerprint = values["fingerprint"].to_bytes(FINGERPRINT_BYTES, "little")
        return cls(values["fine quality"], fingerprint, flags, version)


@dataclass(frozen=True)
class StoredFace:
    """The content of a .grain file."""

    fine_quality: int  # 0 to 255; the model says which of them it knows.
    fingerprint: bytes  # FINGERPRINT_BYTES bytes that name the weights.
    payload: bytes  # At most MOST_PAYLOAD bytes, the last of them not zero.
    chunks: tuple[Chunk, ...] = ()  # In strictly ascending order of tags.
    grey: bool = False  # The photograph had no colour.


def pack(face: StoredFace) -> bytes:
    """The bytes of a .grain file.

    Raises:
        BadImage: the chunks, which come with the picture, take more than MOST_CHUNK_BYTES.
        ValueError: the fine quality or a tag is out of range.
    """
    assert len(face.payload) <= MOST_PAYLOAD
    assert not face.payload.endswith(b"\0"), "an encoder leaves out zeros at the end"
    flags = CHUNKS_FOLLOW * bool(face.chunks) | GREY_FACE * face.grey
    content = MAGIC + Parameters(face.fine_quality, face.fingerprint, flags, _version_of(face.payload)).pack()
    content += (_leb128(len(face.payload)) + face.payload + _pack_chunks(face.chunks)) if face.chunks else face.payload
    return content + checksum(content)


def unpack(data: bytes) -> StoredFace:
    """Reads what `pack` wrote; `pack` gives the same bytes for the result.

    Raises:
        NotGrain: the data does not start with the magic bytes.
        Truncated: the data is shorter than any .grain file.
        UnsupportedVersion: another version of the format, a reserved flag or an unknown critical chunk.
        Corrupt: the data is damaged, or `pack` does not write such bytes.
    """
    parameters = _unpack_header(data)
    content, trailer = data[: -width(TRAILER)], data[-width(TRAILER) :]
    if trailer != checksum(content):
        raise Corrupt("the file is damaged or cut short: its checksum does not fit its content")
    reader = _Reader(content[width(HEADER) :])
    chunked = bool(parameters.flags & CHUNKS_FOLLOW)
    payload = reader.take(reader.leb128() if chunked else len(reader.rest), MOST_PAYLOAD)
    if payload.endswith(b"\0"):
        raise Corrupt("the payload ends in a zero byte, which no encoder writes")
    if parameters.version != _version_of(payload):
        raise Corrupt(f"a payload of {len(payload)} bytes does not go with format version {parameters.version}")
    chunks = _unpack_chunks(reader) if chunked else ()
    grey = bool(parameters.flags & GREY_FACE)
    return StoredFace(parameters.fine_quality, parameters.fingerprint, payload, chunks, grey)


def describe(data: bytes) -> list[tuple[str, str]]:
    """Names and printed values of all parts of a .grain file; raises what `unpack` raises."""
    face = unpack(data)
    header, trailer = read_fields(HEADER, data[: width(HEADER)]), read_fields(TRAILER, data[-width(TRAILER) :])
    rows = [(field.name, field.show(header[field.name])) for field in HEADER]
    rows.append(("payload", f"{len(face.payload)} B"))
    names = [CHUNK_NAMES.get(chunk.tag, f"chunk {chunk.tag:02x}") for chunk in face.chunks]
    rows += [(name, f"{len(chunk.content)} B") for name, chunk in zip(names, face.chunks)]
    return rows + [(field.name, field.show(trailer[field.name])) for field in TRAILER]


def write_fields(fields: tuple[Field, ...], values: dict[str, int]) -> bytes:
    """The bytes of fields that follow each other; the first field takes the lowest bits.

    Raises:
        ValueError: a value does not fit its field; the text names field, value and range.
    """
    joined, position = 0, 0
    for field in fields:
        value = values[field.name]
        if not 0 <= value < 1 << field.bits:
            raise ValueError(f"{field.name} is {value}, not within 0 to {(1 << field.bits) - 1}")
        joined |= value << position
        position += field.bits
    return joined.to_bytes(width(fields), "little")


def read_fields(fields: tuple[Field, ...], data: bytes) -> dict[str, int]:
    """Values of the fields by their names; `data` is exactly as wide as they are."""
    assert len(data) == width(fields)
    joined, values = int.from_bytes(data, "little"), {}
    for field in fields:
        values[field.name] = joined & ((1 << field.bits) - 1)
        joined >>= field.bits
    return values


def checksum(content: bytes) -> bytes:
    """The bytes of the TRAILER that belongs to `content`."""
    return write_fields(TRAILER, {"CRC": zlib.crc32(content) & 0xFFFFFF})


class _Reader:
    """Reads bytes in order, and checks every length against what is left before it uses it."""

    def __init__(self, content: bytes):
        self.rest = memoryview(content)

    def take(self, count: int, most: int) -> bytes:
        """The next `count` bytes; raises Corrupt where fewer are left, or where `count` exceeds `most`."""
        if count > min(len(self.rest), most):
            raise Corrupt(f"the file claims {count} bytes where it can have {min(len(self.rest), most)}")
        taken, self.rest = bytes(self.rest[:count]), self.rest[count:]
        return taken

    def leb128(self) -> int:
        """The next LEB128 number; raises Corrupt where it is too long or not in its shortest spelling."""
        value = 0
        for shift in range(0, 7 * MOST_LEB128_BYTES, 7):
            (byte,) = self.take(1, 1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise Corrupt("a length is not written as short as can be")
                return value
        raise Corrupt(f"a length takes more than {MOST_LEB128_BYTES} bytes")


def _unpack_header(data: bytes) -> Parameters:
    """The parameters of a file, after checks of its magic bytes, version, flags and size."""
    if not MAGIC.startswith(data[: len(MAGIC)]):
        raise NotGrain(f"this is no .grain file: it does not start with the bytes {MAGIC.hex(' ')}")
    if len(data) < OVERHEAD:
        raise Truncated(f"the file ends after {len(data)} bytes; every .grain file has at least {OVERHEAD}")
    # Version and flags are checked before the checksum, because another version may have another checksum.
    parameters = Parameters.unpack(data[len(MAGIC) : width(HEADER)], known_flags=CHUNKS_FOLLOW | GREY_FACE)
    most = MOST_FILE if parameters.flags & CHUNKS_FOLLOW else OVERHEAD + MOST_PAYLOAD
    if len(data) > most:
        raise Corrupt(f"the file has {len(data)} bytes; one of its kind has at most {most}")
    return parameters


def _version_of(payload: bytes) -> int:
    return LONG_VERSION if len(payload) > MOST_SHORT_PAYLOAD else SHORT_VERSION


def _pack_chunks(chunks: tuple[Chunk, ...]) -> bytes:
    tags = [chunk.tag for chunk in chunks]
    assert tags == sorted(set(tags)), "tags ascend, and none comes twice"
    assert all(tag in CHUNK_NAMES for tag in tags if tag & 1), "no reader would take an unknown critical chunk"
    packed = b""
    for chunk in chunks:
        packed += write_fields(CHUNK_HEAD, {"tag": chunk.tag}) + _leb128(len(chunk.content)) + chunk.content
    if len(packed) > MOST_CHUNK_BYTES:
        raise BadImage(f"the metadata take {len(packed)} bytes; a .grain file holds at most {MOST_CHUNK_BYTES}")
    return packed


def _unpack_chunks(reader: _Reader) -> tuple[Chunk, ...]:
    """Reads all that is left as chunks."""
    if not 0 < len(reader.rest) <= MOST_CHUNK_BYTES:
        raise Corrupt(f"the file has {len(reader.rest)} bytes of chunks, not 1 to {MOST_CHUNK_BYTES}")
    chunks: list[Chunk] = []
    while reader.rest:
        tag = read_fields(CHUNK_HEAD, reader.take(1, 1))["tag"]
        if chunks and tag <= chunks[-1].tag:
            raise Corrupt(f"chunk {tag:02x} follows chunk {chunks[-1].tag:02x}, but tags ascend")
        chunks.append(Chunk(tag, reader.take(reader.leb128(), MOST_CHUNK_BYTES)))
        if chunks[-1].critical and tag not in CHUNK_NAMES:
            raise UnsupportedVersion(f"the face needs a reader that knows chunk {tag:02x}")
    return tuple(chunks)


def _leb128(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(written) + bytes([value])
