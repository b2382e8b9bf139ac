"""The level coder: exact round trips, code lengths as short as arithmetic allows, foreign bytes decoded or refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grain_codec.coding.level_coder import ALPHABET, TOTAL_BITS, LevelCoder
from grain_codec.coding.range_coder import RangeDecoder, RangeEncoder
from grain_codec.errors import GrainError


def alphabets(count: int = 64) -> np.ndarray:
    """Geometric alphabets of rising width, as cumulative frequencies."""
    rows = []
    for index in range(count):
        density = (1 - 0.2 / (1 + index / 8)) ** np.arange(ALPHABET)
        frequencies = np.maximum(1, np.floor(density / density.sum() * ((1 << TOTAL_BITS) - ALPHABET))).astype(int)
        frequencies[0] += (1 << TOTAL_BITS) - frequencies.sum()
        rows.append(np.concatenate([[0], frequencies.cumsum()]))
    return np.array(rows, np.int32)


@given(st.lists(st.tuples(st.integers(-5000, 5000), st.integers(63, 127)), max_size=60))
def test_levels_come_back(levels_and_scales: list[tuple[int, int]]):
    coder, encoder = LevelCoder(alphabets()), RangeEncoder()
    fitting = [(level, scale) for level, scale in levels_and_scales if abs(level) < 4000 or scale > 80]
    coder.encode(encoder, *np.array(fitting, np.int64).reshape(-1, 2).T)
    decoder = RangeDecoder(encoder.finish())
    assert [coder.decode(decoder, scale) for _, scale in fitting] == [level for level, _ in fitting]


@pytest.mark.parametrize("scale", [0, 20, 40, 63, 64, 71, 72, 100])
def test_the_code_is_within_two_bytes_of_its_ideal_length(scale: int):
    """The last level is above zero, because zeros at the end of the stream would cost nothing."""
    generator = np.random.default_rng(scale)
    levels = (generator.laplace(0, 0.3 + scale / 10, 3000)).astype(int)
    levels[-1] = 1
    coder, encoder = LevelCoder(alphabets()), RangeEncoder()
    coder.encode(encoder, levels, np.full(len(levels), scale))
    ideal = coder.ideal_bits(levels, np.full(len(levels), scale)).sum() / 8
    assert ideal - 1 <= len(encoder.finish()) <= ideal + 2


def test_ideal_length_is_the_sum_of_information():
    """An alphabet in which magnitude 0 has half of the mass: a zero costs one bit, nothing else."""
    row = np.concatenate([[0], np.linspace(1 << 15, 1 << 16, ALPHABET).astype(int)])
    coder = LevelCoder(np.tile(row, (64, 1)))
    assert coder.ideal_bits(np.array([0]), np.array([5]))[0] == pytest.approx(1.0)


@given(st.binary(max_size=100), st.lists(st.integers(0, 127), max_size=100))
def test_foreign_bytes_give_levels_or_our_error(payload: bytes, scales: list[int]):
    coder, decoder = LevelCoder(alphabets()), RangeDecoder(payload)
    try:
        levels = [coder.decode(decoder, scale) for scale in scales]
    except GrainError:
        return
    assert all(abs(level) < 1 << 22 for level in levels)
