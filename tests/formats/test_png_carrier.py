"""The carrier image: what it holds, what survives in other programs, and that all damage is noticed."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grain_codec.errors import BadImage, Corrupt, GrainError, NotGrain, Truncated
from grain_codec.formats import png_carrier
from grain_codec.formats.container import ALIGNMENT, EXIF, XMP, Chunk
from grain_codec.formats.png_carrier import Carrier, is_png, pack, unpack

NOISE = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
RAMP = (np.add.outer(7 * np.arange(16), 5 * np.arange(16))[:, :, None] + np.array([0, 20, 40])).astype(np.uint8)
TEN_COLOURS = NOISE[0, np.arange(256).reshape(16, 16) % 10]

pixel_arrays = st.binary(min_size=768, max_size=768).map(lambda data: np.frombuffer(data, np.uint8).reshape(16, 16, 3))


def resave(data: bytes, mode: str = "RGB", **options: object) -> bytes:
    """The image as Pillow writes it again."""
    written = io.BytesIO()
    Image.open(io.BytesIO(data)).convert(mode).save(written, "PNG", **options)
    return written.getvalue()


def refusal(data: bytes) -> GrainError | None:
    """The error that reading the data raises, or None."""
    try:
        unpack(data)
    except GrainError as error:
        return error
    return None


@given(pixel_arrays, st.integers(0, 255), st.binary(min_size=3, max_size=3), st.booleans())
@settings(deadline=None)
def test_round_trip(pixels: np.ndarray, fine_quality: int, fingerprint: bytes, grey: bool) -> None:
    carrier = unpack(pack(Carrier(pixels, fine_quality, fingerprint, grey=grey)))
    assert carrier.pixels.dtype == np.uint8 and carrier.pixels.shape == (16, 16, 3)
    assert (carrier.pixels == pixels).all()
    assert (carrier.fine_quality, carrier.fingerprint, carrier.grey) == (fine_quality, fingerprint, grey)


@pytest.mark.parametrize("pixels", [NOISE, RAMP, TEN_COLOURS, np.zeros_like(RAMP)])
def test_the_image_is_no_larger_than_pillow_makes_it(pixels: np.ndarray) -> None:
    data = pack(Carrier(pixels, 22, b"abc"))
    assert len(data) <= len(resave(data, optimize=True)) + 20
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        assert (np.asarray(image) == pixels).all()


@given(pixel_arrays, st.binary(min_size=1, max_size=4094))
@settings(deadline=None)
def test_a_tail_travels_in_the_private_chunk(pixels: np.ndarray, tail: bytes) -> None:
    carrier = unpack(pack(Carrier(pixels, 22, b"abc", tail=tail)))
    assert carrier.tail == tail and (carrier.pixels == pixels).all()


def test_an_altered_tail_is_refused() -> None:
    data = pack(Carrier(RAMP, 22, b"abc", tail=b"what the LR image does not carry"))
    position = data.index(b"does not")
    content = data[41 : 41 + 5 + 32 + 3]
    assert content[:1] == b"\x20" and content[5:-3].endswith(b"carry")
    altered = data[:position] + b"DOES" + data[position + 4 :]
    crc = zlib.crc32(altered[37 : 41 + len(content)]).to_bytes(4, "big")
    with pytest.raises(Corrupt, match="altered"):
        unpack(altered[: 41 + len(content)] + crc + altered[41 + len(content) + 4 :])


METADATA = (Chunk(EXIF, b"MM\0*\0\0\0\x08\0\0"), Chunk(XMP, "<x:xmpmeta>\u00eb</x:xmpmeta>".encode()))


def test_metadata_travel_where_png_programs_look_for_them() -> None:
    data = pack(Carrier(RAMP, 22, b"abc", METADATA))
    assert unpack(data).chunks == METADATA
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["exif"] == b"Exif\0\0" + METADATA[0].content
        assert image.info["xmp"] == METADATA[1].content
    for chunk in METADATA:
        assert unpack(pack(Carrier(RAMP, None, None, (chunk,)))).chunks == (chunk,)


def test_metadata_that_a_carrier_cannot_hold_are_refused() -> None:
    room = png_carrier.MOST_FILE - len(pack(Carrier(RAMP, 22, b"abc"))) - 12
    assert unpack(pack(Carrier(RAMP, 22, b"abc", (Chunk(EXIF, bytes(room)),)))).chunks[0].content == bytes(room)
    with pytest.raises(BadImage, match=f"metadata take {room + 1} bytes"):
        pack(Carrier(RAMP, 22, b"abc", (Chunk(EXIF, bytes(room + 1)),)))
    with pytest.raises(BadImage, match="no place for a chunk 08"):
        pack(Carrier(RAMP, 22, b"abc", (Chunk(ALIGNMENT, bytes(12)),)))


@pytest.mark.parametrize("data", [pack(Carrier(RAMP, None, None)), resave(pack(Carrier(RAMP, 22, b"abc")))])
def test_without_the_private_chunk_its_values_are_none(data: bytes) -> None:
    carrier = unpack(data)
    assert (carrier.pixels == RAMP).all()
    assert (carrier.fine_quality, carrier.fingerprint) == (None, None)


def test_a_fine_quality_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="fine quality is 256"):
        pack(Carrier(RAMP, 256, b"abc"))


@pytest.mark.parametrize("pixels", [RAMP[:8], RAMP.astype(np.int16), RAMP[:, :, 0]])
def test_other_arrays_are_not_packed(pixels: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        pack(Carrier(pixels, 22, b"abc"))


@pytest.mark.parametrize("mode, options", [("RGB", {"optimize": True}), ("RGB", {"compress_level": 0}), ("RGBA", {})])
def test_an_image_saved_anew_gives_the_same_pixels(mode: str, options: dict) -> None:
    assert (unpack(resave(pack(Carrier(NOISE, 22, b"abc")), mode, **options)).pixels == NOISE).all()


@pytest.mark.parametrize("bits", [4, 8])
def test_a_palette_gives_the_same_pixels(bits: int) -> None:
    image = Image.fromarray(TEN_COLOURS).quantize(10, dither=Image.Dither.NONE)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True, bits=bits, transparency=b"\xff\xff")
    assert b"PLTE" in written.getvalue() and b"tRNS" in written.getvalue()
    assert (unpack(written.getvalue()).pixels == np.asarray(image.convert("RGB"))).all()
    assert len(np.unique(unpack(written.getvalue()).pixels.reshape(-1, 3), axis=0)) == 10


@pytest.mark.parametrize("pixels", [NOISE, RAMP])
def test_every_truncation_is_refused(pixels: np.ndarray) -> None:
    data = pack(Carrier(pixels, 22, b"abc"))
    for size in range(len(data)):
        assert isinstance(refusal(data[:size]), Truncated), size


@pytest.mark.parametrize("pixels", [RAMP, np.zeros_like(RAMP)])
def test_every_flipped_bit_is_noticed(pixels: np.ndarray) -> None:
    data = pack(Carrier(pixels, 22, b"abc"))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(damaged)) is not None, bit


@pytest.mark.parametrize("data", [b"\x8aGRN" + bytes(20), b"GIF89a", bytes(40), b"\x89PNG\r\n\x1a\r" + bytes(40)])
def test_other_files_are_no_carriers(data: bytes) -> None:
    assert not is_png(data)
    with pytest.raises(NotGrain, match="no PNG"):
        unpack(data)
