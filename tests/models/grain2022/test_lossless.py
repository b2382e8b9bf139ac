"""The lossless coder of LR images: exact, small on thumbnails, whole on anything."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grain_codec.errors import Corrupt
from grain_codec.models.grain2022.lossless import decode, encode

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
GRADIENT = np.stack([np.add.outer(8 * np.arange(16), 7 * np.arange(16))] * 3, -1).astype(np.uint8)


def thumbnail(face: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(face).resize((16, 16), Image.Resampling.BICUBIC))


def webp_bytes(pixels: np.ndarray) -> int:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "WEBP", lossless=True, quality=100, method=6)
    return len(written.getvalue())


@pytest.mark.parametrize(
    "pixels",
    [NOISE, GRADIENT, np.zeros_like(NOISE), np.full_like(NOISE, 255), 255 * (NOISE > 127).astype(np.uint8)],
    ids=["noise", "gradient", "black", "white", "two-level noise"],
)
def test_every_image_comes_back(pixels: np.ndarray):
    assert np.array_equal(decode(encode(pixels)), pixels)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_images_of_any_contrast_come_back(seed: int, octaves: int):
    source = np.random.default_rng(seed)
    pixels = (source.integers(0, 256, 3) + source.integers(0, 1 << octaves, (16, 16, 3))).clip(0, 255).astype(np.uint8)
    assert np.array_equal(decode(encode(pixels)), pixels)


def test_thumbnails_take_a_fifth_less_than_as_webp(faces: dict[str, np.ndarray]):
    thumbnails = [thumbnail(face) for face in faces.values()]
    assert sum(len(encode(each)) for each in thumbnails) < 0.82 * sum(map(webp_bytes, thumbnails))


def test_the_simplest_images_take_next_to_nothing():
    assert len(encode(np.full_like(NOISE, 77))) < 80
    assert len(encode(GRADIENT)) < 160


def test_noise_takes_hardly_more_than_its_samples():
    assert 768 <= len(encode(NOISE)) < 800


def test_no_image_ends_in_a_zero_byte():
    assert not any(encode(np.full_like(NOISE, level)).endswith(b"\0") for level in (0, 1, 128))


def test_only_what_an_encoder_writes_is_read():
    payload = encode(GRADIENT)
    for other in (payload + b"\0", payload + b"\1", payload + bytes(600) + b"\1"):
        with pytest.raises(Corrupt):
            decode(other)


def test_the_bytes_are_the_same_everywhere():
    """Golden: integer arithmetic gives one payload on every machine and with every library version."""
    assert encode(GRADIENT).hex() == (
        "0000000237a2163ab8c28622eb767aa32536a97f4ceeda2bc368924fb549da18c9e61f2c8c8973057d4f55bf76e278490216599e"
        "b7e5bf8bc6bba0e548e897c6d85712a72e6ae638cd38722d14462964dff50447c5c0a179d587427a1838fd91851e3dd7ede564e8"
        "cd5b5b9e22e7e73047a933188d39"
    )
