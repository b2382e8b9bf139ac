"""The carrier: a PNG of 16x16 pixels that holds a face where only images can travel.

It is an ordinary RGB PNG of 8 bits with one more chunk before the pixels:

    grIn    ancillary, private, safe to copy; 8 bytes: version 1 and flags (10, or 12 where the face is grey),
            fine quality, and the fingerprint of the weights, all as in a .grain file; then, little-endian, the
            low 24 bits of the CRC-32 (as in zlib) of these 5 bytes and the 768 samples, rows from the top, each
            pixel R, G, B. Where the LR image does not carry the whole payload, the version is 2, and the rest of the
            payload, the tail, stands before the CRC, which covers it last

Metadata stand in the chunks that PNG has for them, after the private one: eXIf, and iTXt under the keyword
XML:com.adobe.xmp.

Image programs may store the same pixels in another way: with a palette, interlaced, as greyscale, without the private
chunk. The reader accepts all of that. Altered pixels may well be another valid face. A program that alters them and
copies the private chunk is found out by the CRC; where the chunk is missing, nothing reveals the change.

The reader checks every chunk before it decodes anything, and Pillow sees only the chunks that the pixels depend on:
text, colour profiles and animations are never decompressed.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.coding.grid import GRID, MOST_PAYLOAD
from grain_codec.errors import BadImage, Corrupt, NotGrain, Truncated, UnsupportedVersion
from grain_codec.formats.container import (
    EXIF,
    GREY_FACE,
    LONG_VERSION,
    PARAMETERS,
    SHORT_VERSION,
    TRAILER,
    XMP,
    Parameters,
    checksum,
    width,
)
from grain_codec.settings import Chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PRIVATE_CHUNK = b"grIn"
METADATA_PREFIXES = {EXIF: (b"eXIf", b""), XMP: (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0")}
"""For each kind of metadata its PNG chunk and what precedes it there; the prefix of XMP says "not compressed"."""

MOST_FILE = 1 << 16  # The largest carrier in bytes; a face without metadata needs less than a kilobyte.
MOST_CHUNKS = 256
TAIL_BYTES = {SHORT_VERSION: range(1), LONG_VERSION: range(1, MOST_PAYLOAD)}  # Lengths of the tail, by version.

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}  # Samples of a pixel, by PNG's colour type.
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
"""Bits of a sample that PNG allows, by colour type."""

INTERLACED_PASSES = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
"""Columns and rows of the seven images that an interlaced PNG of 16x16 pixels consists of."""

_HEADER = struct.Struct(">IIBBBBB")
_ANCILLARY = rb"(?: (?!tRNS)[a-z][A-Za-z]{3})*"
_CHUNK_ORDER = re.compile(b"IHDR~(?: PLTE~)?(?: tRNS~)?(?: IDAT)+~ IEND".replace(b"~", _ANCILLARY))
"""The orders of chunks that PNG allows, as a pattern of their types; any ancillary chunks stand where ~ is."""


@dataclass(frozen=True)
class Carrier:
    """The content of a carrier image."""

    pixels: npt.NDArray[np.uint8]  # `[16, 16, 3]`, RGB.
    fine_quality: int | None  # 0 to 255; None where the private chunk is missing.
    fingerprint: bytes | None  # 3 bytes that name the weights; None where the private chunk is missing.
    chunks: tuple[Chunk, ...] = ()  # EXIF and XMP, as a .grain file has them.
    tail: bytes = b""  # The payload without the LR image's part; at most MOST_PAYLOAD bytes.
    grey: bool = False  # The photograph had no colour; False where the private chunk is missing.


@dataclass(frozen=True)
class _PngChunk:
    """A chunk of a PNG: four letters that name its type, and its content."""

    kind: bytes
    content: bytes

    @property
    def crc(self) -> bytes:
        """The CRC-32 that follows the content."""
        return struct.pack(">I", zlib.crc32(self.content, zlib.crc32(self.kind)))


@dataclass(frozen=True)
class _Layout:
    """The way in which a PNG stores its 16x16 pixels."""

    colour_type: int
    depth: int
    interlaced: bool

    @property
    def inflated_bytes(self) -> int:
        """Size of the pixels with the filter byte of each row, before compression."""
        pixel_bits = SAMPLES[self.colour_type] * self.depth
        passes = INTERLACED_PASSES if self.interlaced else ((GRID, GRID),)
        return sum(rows * (1 + -(-columns * pixel_bits // 8)) for columns, rows in passes)


def is_png(data: bytes) -> bool:
    """Tells whether the data starts with the PNG signature."""
    return data.startswith(SIGNATURE)


def has_carrier_size(data: bytes) -> bool:
    """Tells whether the data is a PNG of 16x16 pixels, as far as its header is there."""
    return is_png(data) and struct.pack(">II", GRID, GRID).startswith(data[16:24])


def pack(carrier: Carrier) -> bytes:
    """The bytes of a carrier image.

    Raises:
        BadImage: the metadata, which come with the picture, take more than a carrier has for them.
        ValueError: the fine quality is out of range.
    """
    assert carrier.pixels.shape == (GRID, GRID, 3) and carrier.pixels.dtype == np.uint8
    assert (carrier.fine_quality is None) == (carrier.fingerprint is None)
    written = io.BytesIO()
    Image.fromarray(carrier.pixels).save(written, "PNG", optimize=True)
    chunks = _read_chunks(written.getvalue())
    chunks[1:1] = [_metadata_chunk(chunk) for chunk in carrier.chunks]
    if carrier.fine_quality is not None and carrier.fingerprint is not None:
        version = LONG_VERSION if carrier.tail else SHORT_VERSION
        flags = GREY_FACE * carrier.grey
        parameters = Parameters(carrier.fine_quality, carrier.fingerprint, flags, version).pack()
        crc = checksum(parameters + carrier.pixels.tobytes() + carrier.tail)
        chunks.insert(1, _PngChunk(PRIVATE_CHUNK, parameters + carrier.tail + crc))
    packed = _join(chunks)
    if len(packed) > MOST_FILE:
        taken = sum(len(chunk.content) for chunk in carrier.chunks)
        raise BadImage(f"the metadata take {taken} bytes; a carrier image has at most {MOST_FILE} in all")
    return packed


def unpack(data: bytes) -> Carrier:
    """Reads a carrier image, whether `pack` or an image program wrote it.

    Raises:
        NotGrain: the data is no PNG, or not an opaque one of 16x16 pixels and 8 bits.
        Truncated: the data ends before the image does.
        UnsupportedVersion: the private chunk is of another version, or a critical chunk is unknown.
        Corrupt: the data is damaged, breaks the rules of PNG or of the private chunk, or its pixels are not those
            that the private chunk was written for.
    """
    layout = _read_layout(data)
    chunks = _read_chunks(data)
    private = [chunk.content for chunk in chunks if chunk.kind == PRIVATE_CHUNK]
    if len(private) > 1:
        raise Corrupt("the carrier image has its private chunk twice")
    parameters = _read_private(private[0]) if private else None
    pixels = _read_pixels(chunks, layout)
    if parameters is None:
        return Carrier(pixels, None, None, _read_metadata(chunks))
    tail = private[0][width(PARAMETERS) : -width(TRAILER)]
    if not private[0].endswith(checksum(parameters.pack() + pixels.tobytes() + tail)):
        raise Corrupt("the pixels were altered: they do not fit the checksum in the private chunk")
    grey = bool(parameters.flags & GREY_FACE)
    return Carrier(pixels, parameters.fine_quality, parameters.fingerprint, _read_metadata(chunks), tail, grey)


def _read_layout(data: bytes) -> _Layout:
    """Reads the first chunk and refuses images that cannot be carriers, before anything else is looked at."""
    if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
        raise NotGrain("this is no PNG, so it is no carrier image")
    header = _read_chunk(data, len(SIGNATURE))
    if header.kind != b"IHDR" or len(header.content) != _HEADER.size:
        raise Corrupt("the PNG does not start with its header")
    columns, rows, depth, colour_type, compression, filtering, interlacing = _HEADER.unpack(header.content)
    if (columns, rows) != (GRID, GRID):
        raise NotGrain(f"a carrier image has {GRID}x{GRID} pixels; this one has {columns}x{rows}")
    if len(data) > MOST_FILE:
        raise NotGrain(f"a carrier image has at most {MOST_FILE} bytes; this one has {len(data)}")
    if depth not in DEPTHS.get(colour_type, ()) or compression or filtering or interlacing > 1:
        raise Corrupt("the header of the PNG breaks the rules of PNG")
    if depth == 16:
        raise NotGrain("a carrier image has 8 bits a sample; this one has 16")
    return _Layout(colour_type, depth, bool(interlacing))


def _read_chunk(data: bytes, position: int) -> _PngChunk:
    left = len(data) - position - 12
    if left < 0:
        raise Truncated("the PNG ends before its last chunk")
    length, kind = struct.unpack_from(">I4s", data, position)
    if length > left:
        raise Truncated(f"a chunk of the PNG claims {length} bytes; the file has {left}")
    end = position + 8 + length
    chunk = _PngChunk(kind, data[position + 8 : end])
    if data[end : end + 4] != chunk.crc:
        raise Corrupt("the PNG is damaged: the checksum of a chunk does not fit its content")
    return chunk


def _read_chunks(data: bytes) -> list[_PngChunk]:
    """All chunks of a PNG, which stand in an order that PNG allows."""
    chunks: list[_PngChunk] = []
    position = len(SIGNATURE)
    while not chunks or chunks[-1].kind != b"IEND":
        if len(chunks) == MOST_CHUNKS:
            raise Corrupt(f"the PNG has more than {MOST_CHUNKS} chunks")
        chunks.append(_read_chunk(data, position))
        position += 12 + len(chunks[-1].content)
    if position != len(data) or chunks[-1].content:
        raise Corrupt("something follows the end of the PNG")
    for chunk in chunks:
        if chunk.kind[:1].isupper() and chunk.kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            raise UnsupportedVersion(f"the PNG needs a reader that knows the chunk {chunk.kind!r}")
    if not _CHUNK_ORDER.fullmatch(b" ".join(chunk.kind for chunk in chunks)):
        raise Corrupt("the chunks of the PNG are not in an order that PNG allows")
    return chunks


def _read_private(content: bytes) -> Parameters:
    """Fine quality and fingerprint from the content of the private chunk."""
    head, tail_bytes = content[: width(PARAMETERS)], len(content) - width(PARAMETERS) - width(TRAILER)
    # The version is checked before the length, because a later version may have a longer chunk.
    parameters = Parameters.unpack(head, known_flags=GREY_FACE) if len(head) == width(PARAMETERS) else None
    if parameters is None or tail_bytes not in TAIL_BYTES[parameters.version]:
        raise Corrupt(f"the private chunk has {len(content)} bytes, which no version of it has")
    return parameters


def _metadata_chunk(chunk: Chunk) -> _PngChunk:
    if chunk.tag not in METADATA_PREFIXES:
        raise BadImage(f"a carrier image has no place for a chunk {chunk.tag:02x}; a .grain file has")
    kind, prefix = METADATA_PREFIXES[chunk.tag]
    return _PngChunk(kind, prefix + chunk.content)


def _read_metadata(chunks: list[_PngChunk]) -> tuple[Chunk, ...]:
    """The first EXIF and the first XMP of a PNG; compressed XMP is ignored."""
    found: dict[int, Chunk] = {}
    for chunk in chunks:
        for tag, (kind, prefix) in METADATA_PREFIXES.items():
            if chunk.kind == kind and chunk.content.startswith(prefix) and tag not in found:
                found[tag] = Chunk(tag, chunk.content.removeprefix(prefix))
    return tuple(found[tag] for tag in sorted(found))


def _read_pixels(chunks: list[_PngChunk], layout: _Layout) -> npt.NDArray[np.uint8]:
    """Pixels of a carrier image, uint8 `[16, 16, 3]`."""
    parts = {chunk.kind: chunk.content for chunk in chunks}
    parts[b"IDAT"] = b"".join(chunk.content for chunk in chunks if chunk.kind == b"IDAT")
    _check_inflated(parts[b"IDAT"], layout.inflated_bytes)
    colours = _count_colours(parts, layout)
    needed = (b"IHDR", *((b"PLTE", b"tRNS") if colours else ()), b"IDAT", b"IEND")
    bare = _join(_PngChunk(kind, parts[kind]) for kind in needed if kind in parts)
    try:
        with Image.open(io.BytesIO(bare), formats=["PNG"]) as image:
            stored, pixels = np.asarray(image), np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"the pixels of the PNG cannot be read: {error}") from error
    if colours and stored.max() >= colours:
        raise Corrupt("a pixel of the PNG has a colour that is not in its palette")
    if (pixels[:, :, 3] != 255).any():
        raise NotGrain("a carrier image is opaque; this one is not")
    return np.ascontiguousarray(pixels[:, :, :3])


def _count_colours(parts: dict[bytes, bytes], layout: _Layout) -> int:
    """Colours of the palette, or 0 for a PNG without one; refuses palettes and transparency that break the rules."""
    size, transparent = len(parts.get(b"PLTE", b"")), len(parts.get(b"tRNS", b""))
    if layout.colour_type != PALETTE:
        if b"tRNS" in parts:
            # Pillow compares the transparent colour wrongly with greys of 2 and 4 bits.
            raise NotGrain("a carrier image is opaque; this one has a transparent colour")
        return 0
    if size % 3 or not 3 <= size <= 3 << layout.depth or transparent > size // 3:
        raise Corrupt("the palette of the PNG breaks the rules of PNG")
    return size // 3


def _check_inflated(compressed: bytes, expected: int) -> None:
    """Refuses pixel data that is not exactly one zlib stream of `expected` bytes; inflates one byte more at most."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(compressed, expected + 1)
    except zlib.error as error:
        raise Corrupt(f"the pixels of the PNG cannot be read: {error}") from error
    if len(inflated) != expected or not inflater.eof or inflater.unused_data:
        raise Corrupt(f"the pixels of the PNG do not take the {expected} bytes that its header tells")


def _join(chunks: Iterable[_PngChunk]) -> bytes:
    """A whole PNG."""
    parts = (struct.pack(">I", len(chunk.content)) + chunk.kind + chunk.content + chunk.crc for chunk in chunks)
    return SIGNATURE + b"".join(parts)
