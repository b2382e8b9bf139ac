"""The range coder: whole levels to bytes and back, in integer arithmetic alone.

An arithmetic coder narrows an interval by each symbol's share of it (Martin 1979, "Range encoding").
Payloads here are under a kilobyte, so the interval's lower end is kept as one exact Python integer:
no carry has to be propagated, and the shortest byte string inside the final interval can be chosen.

    encoder = RangeEncoder()
    encoder.encode(start=0, size=3, total_bits=2)     # a symbol of probability 3/4
    encoder.finish()                                  # b"" : zeros are implied past the end
"""

from __future__ import annotations

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
        part = self._range >> total_bits
        self._low += part * start
        self._range = part * size
        while self._range < _LEAST_RANGE:
            self._low <<= 8
            self._range <<= 8
            self._shifts += 1

    def encode_bits(self, value: int, count: int) -> None:
        """Adds `count` equally likely bits."""
        self.encode(value, 1, count)

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
        self._rows = cumulative.tolist()

    def encode(self, encoder: RangeEncoder, level: int, scale: int) -> None:
        """Writes one level."""
        row, raw_bits = self._alphabet(scale)
        magnitude = abs(level)
        symbol = min(magnitude >> raw_bits, ESCAPE)
        encoder.encode(row[symbol], row[symbol + 1] - row[symbol], TOTAL_BITS)
        if symbol == ESCAPE:
            excess = (magnitude >> raw_bits) - ESCAPE + 1
            length = excess.bit_length()
            assert length <= MOST_ESCAPE_BITS
            encoder.encode_bits(length - 1, 4)
            encoder.encode_bits(excess - (1 << (length - 1)), length - 1)
        if raw_bits:
            encoder.encode_bits(magnitude & ((1 << raw_bits) - 1), raw_bits)
        if magnitude:
            encoder.encode_bits(int(level < 0), 1)

    def decode(self, decoder: RangeDecoder, scale: int) -> int:
        """Reads one level.

        Raises:
            Corrupt: the bytes are not an encoder's.
        """
        row, raw_bits = self._alphabet(scale)
        part = decoder.decode_part(TOTAL_BITS)
        symbol = 0
        while row[symbol + 1] <= part:
            symbol += 1
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
        rows = np.asarray(self._rows)
        raw_bits = np.maximum(0, -(-(scales - len(rows) + 1) // 8))
        magnitude = np.abs(levels)
        symbol = np.minimum(magnitude >> raw_bits, ESCAPE)
        alphabet = scales - 8 * raw_bits
        bits = TOTAL_BITS - np.log2((rows[alphabet, symbol + 1] - rows[alphabet, symbol]).astype(np.float64))
        excess = np.maximum((magnitude >> raw_bits) - ESCAPE + 1, 1)
        escape_bits = 4 + np.floor(np.log2(excess))
        return bits + (symbol == ESCAPE) * escape_bits + raw_bits + (magnitude > 0)

    def _alphabet(self, scale: int) -> tuple[list[int], int]:
        """The cumulative row of a scale index, and how many raw low bits go with it."""
        raw_bits = max(0, -(-(scale - len(self._rows) + 1) // 8))
        return self._rows[scale - 8 * raw_bits], raw_bits
