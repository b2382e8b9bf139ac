"""The range coder: whole levels to bytes and back, in integer arithmetic alone.

An arithmetic coder narrows an interval by each symbol's share of it (Martin 1979, "Range encoding").
Payloads here are under a kilobyte, so the interval's lower end is kept as one exact Python integer:
no carry has to be propagated, and the shortest byte string inside the final interval can be chosen.

    encoder = RangeEncoder()
    encoder.encode(start=0, size=3, total_bits=2)     # a symbol of probability 3/4
    encoder.finish()                                  # b"" : zeros are implied past the end
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from grain_codec.errors import Corrupt

TOTAL_BITS = 16
"""Frequencies of one alphabet add up to 1 << TOTAL_BITS."""

ALPHABET = 16
"""Symbols of a magnitude alphabet: 0 to 14, and 15 for all that is larger."""

ESCAPE = ALPHABET - 1
MOST_ESCAPE_BITS = 12
"""A level beyond ESCAPE + 2 ** 12 is not written by any encoder and refused by the decoder."""

_RANGE_BITS = 48
_LEAST_RANGE = 1 << (_RANGE_BITS - 8)


class RangeEncoder:
    """Collects symbols; `finish` gives their bytes."""

    def __init__(self) -> None:
        self._low, self._range, self._shifts = 0, 1 << _RANGE_BITS, 0

    def encode(self, start: int, size: int, total_bits: int) -> None:
        """Adds a symbol that owns [start, start + size) of 1 << total_bits equal parts."""
        self.encode_all([start], [size], [total_bits])

    def encode_all(self, starts: Iterable[int], sizes: Iterable[int], total_bits: Iterable[int]) -> None:
        """Adds several symbols as `encode` does one."""
        low, width, shifts = self._low, self._range, self._shifts
        for start, size, bits in zip(starts, sizes, total_bits):
            part = width >> bits
            low += part * start
            width = part * size
            while width < _LEAST_RANGE:
                low <<= 8
                width <<= 8
                shifts += 1
        self._low, self._range, self._shifts = low, width, shifts

    def finish(self) -> bytes:
        """The shortest byte string that decodes to the symbols; it never ends in a zero byte."""
        width = _RANGE_BITS + 8 * self._shifts
        for dropped in range(width, -1, -8):
            value = -(-self._low >> dropped) << dropped
            if value < self._low + self._range:
                return (value >> dropped).to_bytes((width - dropped) // 8, "big").rstrip(b"\0")
        raise AssertionError("an interval holds at least its lower end")


class RangeDecoder:
    """Reads the symbols that a RangeEncoder wrote; past the end it reads zeros."""

    def __init__(self, payload: bytes):
        self._payload, self._position = payload, _RANGE_BITS // 8
        head = payload[: self._position]
        self._offset = int.from_bytes(head.ljust(self._position, b"\0"), "big")
        self._range = 1 << _RANGE_BITS

    def decode_part(self, total_bits: int) -> int:
        """Which of 1 << total_bits equal parts the next symbol lies in; `consume` must follow.

        Raises:
            Corrupt: the bytes lie outside every symbol's interval; no encoder writes such bytes.
        """
        part = self._offset // (self._range >> total_bits)
        if part >> total_bits:
            raise Corrupt("the payload is not one that an encoder writes")
        return part

    def consume(self, start: int, size: int, total_bits: int) -> None:
        """Takes the symbol found with `decode_part` off the stream."""
        part = self._range >> total_bits
        self._offset -= part * start
        self._range = part * size
        while self._range < _LEAST_RANGE:
            following = self._payload[self._position] if self._position < len(self._payload) else 0
            self._offset = (self._offset << 8) | following
            self._range <<= 8
            self._position += 1

    def decode_bits(self, count: int) -> int:
        """Reads `count` equally likely bits."""
        value = self.decode_part(count)
        self.consume(value, 1, count)
        return value


class LevelCoder:
    """Codes signed whole levels, each with one of several magnitude alphabets.

    A scale index names a level's expected magnitude in eighths of an octave. Up to the last alphabet
    the index is that alphabet's number; every octave beyond is coded as one more raw low bit, since a
    density that wide is flat over two neighbouring levels.
    """

    def __init__(self, cumulative: np.ndarray):
        """`cumulative`: integers `[scales, ALPHABET + 1]`, each row rising from 0 to 1 << TOTAL_BITS."""
        self._table = cumulative.astype(np.int64)
        self._rows = cumulative.tolist()

    def encode(self, encoder: RangeEncoder, levels: np.ndarray, scales: np.ndarray) -> None:
        """Writes levels under their scale indices, integers `[L]`."""
        alphabets, raw_bits = self._alphabets(scales)
        magnitudes = np.abs(levels)
        symbols = np.minimum(magnitudes >> raw_bits, ESCAPE)
        excess = np.maximum((magnitudes >> raw_bits) - ESCAPE + 1, 1)
        lengths = np.frexp(excess)[1].astype(np.int64)
        assert (lengths <= MOST_ESCAPE_BITS).all()
        starts, escaped = self._table[alphabets, symbols], symbols == ESCAPE
        one, every = np.ones_like(levels), np.ones(levels.shape, bool)
        parts = (
            (starts, self._table[alphabets, symbols + 1] - starts, TOTAL_BITS * one, every),
            (lengths - 1, one, 4 * one, escaped),
            (excess - (1 << (lengths - 1)), one, lengths - 1, escaped),
            (magnitudes & ((1 << raw_bits) - 1), one, raw_bits, raw_bits > 0),
            ((levels < 0).astype(np.int64), one, one, magnitudes > 0),
        )
        *intervals, present = (np.stack(column, 1) for column in zip(*parts))
        encoder.encode_all(*(column[present].tolist() for column in intervals))

    def decode(self, decoder: RangeDecoder, scale: int) -> int:
        """Reads one level.

        Raises:
            Corrupt: the bytes are not an encoder's.
        """
        raw_bits = max(0, -(-(scale - len(self._rows) + 1) // 8))
        row = self._rows[scale - 8 * raw_bits]
        part = decoder.decode_part(TOTAL_BITS)
        symbol = bisect_right(row, part) - 1
        decoder.consume(row[symbol], row[symbol + 1] - row[symbol], TOTAL_BITS)
        magnitude = symbol
        if symbol == ESCAPE:
            length = decoder.decode_bits(4) + 1
            if length > MOST_ESCAPE_BITS:
                raise Corrupt("the payload holds a level that no encoder writes")
            magnitude += (1 << (length - 1)) + decoder.decode_bits(length - 1) - 1
        if raw_bits:
            magnitude = (magnitude << raw_bits) | decoder.decode_bits(raw_bits)
        return -magnitude if magnitude and decoder.decode_bits(1) else magnitude

    def ideal_bits(self, levels: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Code length of each level in bits, float64, of the shape of `levels`."""
        alphabets, raw_bits = self._alphabets(scales)
        magnitude = np.abs(levels)
        symbol = np.minimum(magnitude >> raw_bits, ESCAPE)
        sizes = self._table[alphabets, symbol + 1] - self._table[alphabets, symbol]
        bits = TOTAL_BITS - np.log2(sizes.astype(np.float64))
        excess = np.maximum((magnitude >> raw_bits) - ESCAPE + 1, 1)
        escape_bits = 4 + np.floor(np.log2(excess))
        return bits + (symbol == ESCAPE) * escape_bits + raw_bits + (magnitude > 0)

    def _alphabets(self, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the alphabets of scale indices, and how many raw low bits go with each."""
        raw_bits = np.maximum(0, -(-(scales - len(self._rows) + 1) // 8))
        return scales - 8 * raw_bits, raw_bits
