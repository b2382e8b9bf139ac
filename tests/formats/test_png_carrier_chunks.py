"""The chunks of carrier images and other PNGs: which are read, which are refused, what the private one protects."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grain_codec.errors import Corrupt, GrainError, NotGrain, Truncated, UnsupportedVersion
from grain_codec.formats import png_carrier
from grain_codec.formats.container import EXIF, XMP, Chunk
from grain_codec.formats.png_carrier import Carrier, is_png, pack, unpack

RAMP = np.arange(768).astype(np.uint8).reshape(16, 16, 3)
SETTINGS = b"\x10\x16\xa1\xb2\xc3"
END = (b"IEND", b"")

Chunks = list[tuple[bytes, bytes]]


def write_png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of the given chunks with right checksums, made without the module under test."""
    written = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        written += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return written


def private(pixels: np.ndarray) -> tuple[bytes, bytes]:
    """The private chunk that goes with some pixels."""
    return b"grIn", SETTINGS + zlib.crc32(SETTINGS + pixels.tobytes()).to_bytes(4, "little")[:3]


def header(size: tuple = (16, 16), depth: int = 8, colour: int = 2, method: int = 0, interlace: int = 0) -> tuple:
    """An IHDR chunk."""
    return b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, method, method, interlace)


def image_data(rows: np.ndarray) -> tuple[bytes, bytes]:
    """An IDAT chunk of uint8 rows `[N, bytes]`, none of them filtered."""
    return b"IDAT", zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())


PIXELS = image_data(RAMP.reshape(16, 48))
GREYS = image_data(np.full((16, 16), 77, np.uint8))
PALETTED = header(colour=3)
PALETTE = (b"PLTE", bytes(3 * 80))
PRIVATE = private(RAMP)


def test_the_private_chunk_stands_before_the_pixels_and_survives_byte_for_byte() -> None:
    data = pack(Carrier(RAMP, 22, b"\xa1\xb2\xc3"))
    assert is_png(data)
    assert data[33:53] == write_png(PRIVATE)[8:]
    kind = data[37:41]
    assert [bool(byte & 32) for byte in kind] == [True, True, False, True], "ancillary, private, -, safe to copy"


def test_the_first_uncompressed_metadata_count() -> None:
    packed = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<RDF/>"))
    others = [(b"iTXt", b"Comment\0\0\0\0\0<RDF/>"), (b"eXIf", b"first"), packed, (b"eXIf", b"second")]
    data = write_png(header(), *others, PIXELS, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<a/>"), END)
    assert unpack(data).chunks == (Chunk(EXIF, b"first"), Chunk(XMP, b"<a/>"))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_greys_of_every_depth_are_read(depth: int) -> None:
    levels = np.arange(256).reshape(16, 16) % (1 << depth)
    bits = (levels[:, :, None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.astype(np.uint8).reshape(16, -1), axis=1)
    expected = levels[:, :, None] * 255 // ((1 << depth) - 1)
    assert (unpack(write_png(header(depth=depth, colour=0), image_data(rows), END)).pixels == expected).all()


def test_an_interlaced_image_is_read() -> None:
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    raw = b""
    for row, row_step, column, column_step in passes:
        part = RAMP[row::row_step, column::column_step]
        raw += b"".join(b"\0" + line.tobytes() for line in part)
    data = write_png(header(interlace=1), PRIVATE, (b"IDAT", zlib.compress(raw)), END)
    assert (unpack(data).pixels == RAMP).all()


def test_pixels_split_over_chunks_and_chunks_of_strangers_are_read() -> None:
    kind, content = PIXELS
    split = [(kind, content[:5]), (kind, b""), (kind, content[5:])]
    data = write_png(header(), (b"gAMA", b"\0\0\0\1"), PRIVATE, *split, (b"tEXt", b"a\0b"), END)
    assert (unpack(data).pixels == RAMP).all()
    assert unpack(data).fine_quality == 22


def with_pixels(data: bytes, pixels: np.ndarray) -> bytes:
    """A carrier as a program writes it that alters the pixels and copies all other chunks."""
    kind, content = image_data(pixels.reshape(16, 48))
    return data[:53] + write_png((kind, content), END)[8:]


def test_no_altered_sample_goes_unnoticed_beside_the_private_chunk() -> None:
    data = pack(Carrier(RAMP, 22, b"abc"))
    assert (unpack(with_pixels(data, RAMP)).pixels == RAMP).all()
    for sample in range(RAMP.size):
        altered = RAMP.copy()
        altered.reshape(-1)[sample] ^= 1 << sample % 8
        with pytest.raises(Corrupt, match="altered"):
            unpack(with_pixels(data, altered))


def test_the_checksum_covers_quality_and_fingerprint() -> None:
    kind, content = PRIVATE
    for byte in range(1, 5):
        forged = bytearray(content)
        forged[byte] ^= 1
        with pytest.raises(Corrupt, match="altered"):
            unpack(write_png(header(), (kind, bytes(forged)), PIXELS, END))


def test_a_carrier_whose_chunk_was_stripped_is_read_whatever_its_pixels() -> None:
    assert (unpack(write_png(header(), PIXELS, END)).pixels == RAMP).all()


@given(st.binary(max_size=60), st.integers(0, 6))
@settings(deadline=None)
def test_no_other_error_escapes(content: bytes, colour: int) -> None:
    pixels = (b"IDAT", zlib.compress(content.ljust(784, b"\1")[:784]))
    for data in (content, write_png((b"IHDR", content[:13])), write_png(header(colour=colour), pixels, END)):
        with suppress(GrainError):
            unpack(data)
    with pytest.raises(Corrupt):
        unpack(write_png(header(), (b"IDAT", content), END))


@pytest.mark.parametrize("columns, rows", [(1024, 1024), (16, 17), (8, 16), (0, 0), (2**31 - 1, 2**31 - 1)])
def test_other_sizes_are_no_carriers_and_are_named(columns: int, rows: int) -> None:
    with pytest.raises(NotGrain, match=f"this one has {columns}x{rows}"):
        unpack(write_png(header((columns, rows)), (b"tEXt", bytes(1 << 17))))


def test_a_file_of_more_than_64_kibibytes_is_refused() -> None:
    rest = len(write_png(header(), (b"tEXt", b""), PIXELS, END))
    fitting = write_png(header(), (b"tEXt", bytes((1 << 16) - rest)), PIXELS, END)
    assert len(fitting) == 1 << 16 and (unpack(fitting).pixels == RAMP).all()
    with pytest.raises(NotGrain, match="65537"):
        unpack(write_png(header(), (b"tEXt", bytes((1 << 16) - rest + 1)), PIXELS, END))


def test_the_number_of_chunks_is_bounded() -> None:
    fillers = [(b"tEXt", b"")] * (png_carrier.MOST_CHUNKS - 3)
    assert (unpack(write_png(header(), *fillers, PIXELS, END)).pixels == RAMP).all()
    with pytest.raises(Corrupt, match="more than 256 chunks"):
        unpack(write_png(header(), *fillers, (b"tEXt", b""), PIXELS, END))


@pytest.mark.parametrize("colour, pixel, shown", [(4, [77, 255], [77, 77, 77]), (6, [1, 2, 3, 255], [1, 2, 3])])
def test_only_opaque_images_are_read(colour: int, pixel: list[int], shown: list[int]) -> None:
    rows = np.tile(np.array(pixel, np.uint8), (16, 16))
    assert (unpack(write_png(header(colour=colour), image_data(rows), END)).pixels == shown).all()
    rows[7, -1] = 254
    with pytest.raises(NotGrain, match="opaque"):
        unpack(write_png(header(colour=colour), image_data(rows), END))


TRANSPARENT = [
    [header(colour=0), (b"tRNS", b"\0\x4d"), GREYS, END],
    [header(), (b"tRNS", b"\0\1\0\2\0\3"), PIXELS, END],
    [PALETTED, PALETTE, (b"tRNS", b"\xff" * 77 + b"\xfe"), GREYS, END],
]
LONG_HEADER = (b"IHDR", header()[1] + b"\0")
OTHER_HEADERS = [header(depth=3), header(depth=4), header(colour=1), header(colour=3, depth=16), header(method=1)]
OTHER_HEADERS += [header(interlace=2), LONG_HEADER, (b"IDAT", header()[1])]
OTHER_ORDERS = [
    [header(), END],
    [header(), header(), PIXELS, END],
    [header(), PIXELS, (b"tEXt", b"a\0b"), PIXELS, END],
    [header(), PIXELS, PALETTE, END],
    [PALETTED, PALETTE, PALETTE, GREYS, END],
    [PALETTED, (b"tRNS", b"\xff"), PALETTE, GREYS, END],
    [PALETTED, PALETTE, GREYS, (b"tRNS", b"\xff"), END],
    [header(), (b"t\0Xt", b""), PIXELS, END],
]
OTHER_PALETTES = [[], *[[(b"PLTE", bytes(size))] for size in (0, 2, 3 * 77, 3 * 257)], [PALETTE, (b"tRNS", bytes(81))]]
WRONG_SIZES_AND_FILTER = [zlib.compress(rows) for rows in (bytes(783), bytes(785), b"\5" + bytes(783))]
OTHER_STREAMS = [b"", b"no stream", PIXELS[1][:-1], PIXELS[1] + b"\0", *WRONG_SIZES_AND_FILTER]
OTHER_PRIVATE = [b"", SETTINGS[:4], SETTINGS, PRIVATE[1][:-1], PRIVATE[1] + b"\0"]
REFUSED = [
    *[(NotGrain, chunks, "opaque") for chunks in TRANSPARENT],
    *[(NotGrain, [header(depth=16, colour=colour), PIXELS, END], "8 bits a sample") for colour in (0, 2, 4, 6)],
    (UnsupportedVersion, [header(), (b"CgBI", b""), PIXELS, END], "CgBI"),
    *[(Corrupt, [first, PIXELS, END], "with its header|header of the PNG") for first in OTHER_HEADERS],
    *[(Corrupt, chunks, "order") for chunks in OTHER_ORDERS],
    *[(Corrupt, [PALETTED, *palette, GREYS, END], "palette") for palette in OTHER_PALETTES],
    *[(Corrupt, [header(), (b"IDAT", stream), END], "pixels of the PNG") for stream in OTHER_STREAMS],
    *[(Corrupt, [header(), (b"grIn", content), PIXELS, END], "no version") for content in OTHER_PRIVATE],
    (Corrupt, [header(), PRIVATE, PIXELS, PRIVATE, END], "twice"),
    (Corrupt, [header(), PIXELS, (b"IEND", b"x")], "follows the end"),
    (Corrupt, [header(), PIXELS, END, (b"tEXt", b"")], "follows the end"),
]


@pytest.mark.parametrize("error, chunks, text", REFUSED)
def test_what_breaks_the_rules_is_refused(error: type[GrainError], chunks: Chunks, text: str) -> None:
    with pytest.raises(error, match=text):
        unpack(write_png(*chunks))


def test_a_chunk_that_claims_more_than_the_file_is_refused() -> None:
    whole = write_png(header(), PIXELS, END)
    with pytest.raises(Truncated, match="claims 4294967295 bytes"):
        unpack(whole[:33] + b"\xff\xff\xff\xff" + whole[37:])


@pytest.mark.parametrize("first, text", [(0x30, "version 3;"), (0x00, "version 0;"), (0x11, "0001"), (0x18, "1000")])
@pytest.mark.parametrize("more", [b"", b"more"])
def test_other_versions_and_flags_are_refused_as_unsupported(first: int, text: str, more: bytes) -> None:
    with pytest.raises(UnsupportedVersion, match=text):
        unpack(write_png(header(), (b"grIn", bytes([first]) + b"\x16abc" + more), PIXELS, END))


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails where Python holds a mebibyte or more at a time within the context."""
    unpack(pack(Carrier(RAMP, 22, b"abc")))
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_pixels_that_inflate_without_bound_are_refused_in_little_memory() -> None:
    bomb = write_png(header(), (b"IDAT", zlib.compress(bytes(1 << 25), 9)), END)
    with little_memory(), pytest.raises(Corrupt):
        unpack(bomb)


@pytest.mark.parametrize("kind, prefix", [(b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")])
def test_chunks_of_strangers_are_never_inflated(kind: bytes, prefix: bytes) -> None:
    bomb = (kind, prefix + zlib.compress(bytes(1 << 25), 9))
    data = write_png(header(), bomb, PRIVATE, PIXELS, END)
    with little_memory():
        unpack(data)
