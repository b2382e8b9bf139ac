"""Signed levels to symbols of the range coder and back."""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from grain_codec.coding.range_coder import RangeDecoder, RangeEncoder
from grain_codec.errors import Corrupt

TOTAL_BITS = 16  # The frequencies of an alphabet add up to 1 << TOTAL_BITS.
ALPHABET = 16  # Symbols of an alphabet: the magnitudes 0 to 14, and 15 for all larger ones.
ESCAPE = ALPHABET - 1
MOST_ESCAPE_BITS = 12  # No encoder writes a level beyond ESCAPE + 2 ** 12, and the decoder refuses it.
Integers = npt.NDArray[np.int64]


class LevelCoder:
    """Codes signed levels, each with an alphabet of frequencies that suits its expected magnitude.

    A scale index gives the expected magnitude in eighths of an octave. Up to the last alphabet it is the number of the
    alphabet. Beyond, each octave moves one more low bit of the magnitude out of the alphabet; these bits are coded as
    equally likely, because such a wide density is nearly flat over neighbouring levels.
    """

    def __init__(self, cumulative: npt.NDArray[np.integer]):
        """Takes the alphabets as integers `[alphabets, ALPHABET + 1]`, each row rising from 0 to 1 << TOTAL_BITS."""
        self._table = cumulative.astype(np.int64)
        self._rows = cumulative.tolist()

    def encode(self, encoder: RangeEncoder, levels: Integers, scales: Integers) -> None:
        """Writes levels, integers `[L]`, with a scale index for each."""
        alphabets, raw_bits = self._alphabets(scales)
        magnitudes = np.abs(levels)
        symbols = np.minimum(magnitudes >> raw_bits, ESCAPE)
        excess = np.maximum((magnitudes >> raw_bits) - ESCAPE + 1, 1)
        lengths = np.frexp(excess)[1].astype(np.int64)
        assert (lengths <= MOST_ESCAPE_BITS).all()
        starts, escaped = self._table[alphabets, symbols], symbols == ESCAPE
        one, every = np.ones_like(levels), np.ones(levels.shape, bool)
        # Each row of `parts` is one kind of symbol: starts, sizes, total bits, and which levels have it.
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
        """Reads a level.

        Raises:
            Corrupt: no encoder writes such bytes.
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

    def ideal_bits(self, levels: Integers, scales: Integers) -> npt.NDArray[np.float64]:
        """Length in bits that an ideal coder needs for each level, float64 of the shape of `levels`."""
        alphabets, raw_bits = self._alphabets(scales)
        magnitude = np.abs(levels)
        symbol = np.minimum(magnitude >> raw_bits, ESCAPE)
        sizes = self._table[alphabets, symbol + 1] - self._table[alphabets, symbol]
        bits: npt.NDArray[np.float64] = TOTAL_BITS - np.log2(sizes.astype(np.float64))
        excess = np.maximum((magnitude >> raw_bits) - ESCAPE + 1, 1)
        escape_bits = 4 + np.floor(np.log2(excess))
        bits += (symbol == ESCAPE) * escape_bits + raw_bits + (magnitude > 0)
        return bits

    def _alphabets(self, scales: Integers) -> tuple[Integers, Integers]:
        """The alphabet of each scale index, and how many low bits of the magnitude are left out of it."""
        raw_bits = np.maximum(0, -(-(scales - len(self._rows) + 1) // 8))
        return scales - 8 * raw_bits, raw_bits
