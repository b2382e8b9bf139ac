"""The LR image shows the thumbnail and carries the payload; other images are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grain_codec.coding.lr_image import (
    DIGITS,
    HEAD_BEFORE_TAIL,
    MOST_HEAD,
    base_of,
    embed,
    extract,
    largest_payload,
    split,
)
from grain_codec.errors import Corrupt
from grain_codec.models.face1024.thumbnail import ThumbnailTables, draw_thumbnail

payloads = st.binary(max_size=MOST_HEAD).map(lambda content: content.rstrip(b"\0"))


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@given(payloads, st.integers(0, 2**32 - 1))
def test_the_payload_comes_back_whatever_the_thumbnail(payload: bytes, seed: int):
    assert extract(embed(payload, picture(seed))) == payload


@given(st.binary(min_size=MOST_HEAD + 1, max_size=3 * MOST_HEAD), st.integers(0, 2**32 - 1))
def test_a_long_payload_is_split_and_comes_back(payload: bytes, seed: int):
    head, tail = split(payload)
    assert len(head) == HEAD_BEFORE_TAIL and head + tail == payload
    assert extract(embed(payload, picture(seed)), tail) == payload


def test_a_head_may_end_in_zeros_where_a_tail_follows():
    payload = bytes(MOST_HEAD) + b"x"
    assert extract(embed(payload, picture(0)), payload[HEAD_BEFORE_TAIL:]) == payload


def test_a_lost_or_foreign_tail_is_noticed():
    with pytest.raises(Corrupt, match="lacks the tail"):
        extract(embed(b"x" * 1000, picture(0)))
    with pytest.raises(Corrupt, match="there is a tail too"):
        extract(embed(b"short", picture(0)), b"tail")


def test_a_payload_is_split_only_where_the_lr_image_cannot_carry_it():
    assert split(b"x" * MOST_HEAD) == (b"x" * MOST_HEAD, b"")
    assert split(b"x" * (MOST_HEAD + 1))[1] == b"x" * (MOST_HEAD + 1 - HEAD_BEFORE_TAIL)
    assert (base_of(MOST_HEAD), base_of(HEAD_BEFORE_TAIL)) == (33, 28)


@given(payloads, st.integers(0, 2**32 - 1))
def test_no_sample_moves_further_than_the_base(payload: bytes, seed: int):
    """Samples move by at most half the base, except at the ends of the range, where only one direction is possible."""
    thumbnail = picture(seed)
    moved = np.abs(embed(payload, thumbnail).astype(int) - thumbnail).reshape(-1)[2:]
    base = base_of(len(payload))
    inner = (thumbnail.reshape(-1)[2:] >= base) & (thumbnail.reshape(-1)[2:] <= 255 - base)
    assert moved.max() < base
    assert moved[inner].max(initial=0) <= base // 2


def test_the_noise_is_that_of_a_uniform_quantiser():
    """480 random bytes, base 33, on a mid-grey picture: mean squared error (33^2 - 1) / 12 within 10 %."""
    payload = np.random.default_rng(0).integers(1, 256, 480, dtype=np.uint8).tobytes()
    thumbnail = np.full((16, 16, 3), 128, np.uint8)
    error = np.square(embed(payload, thumbnail).astype(float) - 128).mean()
    assert base_of(480) == 33
    assert error == pytest.approx((33**2 - 1) / 12, rel=0.1)


@pytest.mark.parametrize("base", [1, 2, 3, 16, 33, 64])
def test_base_and_largest_payload_agree(base: int):
    largest = largest_payload(base)
    assert base_of(largest) <= base < base_of(largest + 1)
    assert 256**largest <= base**DIGITS


def test_an_empty_payload_leaves_the_thumbnail_nearly_as_it_is():
    thumbnail = picture(1)
    assert np.array_equal(embed(b"", thumbnail).reshape(-1)[2:], thumbnail.reshape(-1)[2:])


def test_a_number_of_another_base_is_refused():
    """The first samples state base 5, but the number is zero: its payload is empty, and base 1 belongs to that."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[0, 0, 1] = 4
    with pytest.raises(Corrupt):
        extract(pixels)


def test_the_thumbnail_is_mean_plus_components():
    """One component at 1/2 of every sample, two steps of 1/8 up from a mean of 1/4: 1/4 + 2/8/2 = 3/8."""
    tables = ThumbnailTables(
        mean=np.full(768, 1 << 12, np.int32),
        basis=np.full((1, 768), 1 << 13, np.int16),
        steps=np.array([1 << 13], np.int32),
    )
    drawn = draw_thumbnail(np.array([2]), 0, tables)
    assert drawn.shape == (16, 16, 3)
    assert (drawn == round(255 * 3 / 8)).all()


def test_the_largest_level_a_file_can_hold_does_not_overflow():
    tables = ThumbnailTables(
        mean=np.zeros(768, np.int32),
        basis=np.full((448, 768), (1 << 15) - 1, np.int16),
        steps=np.array([1 << 14], np.int32),
    )
    assert (draw_thumbnail(np.full(448, 1 << 20), 0, tables) == 255).all()
