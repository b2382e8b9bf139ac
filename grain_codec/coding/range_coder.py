"""The range coder: symbols to bytes and back, in integer arithmetic alone.

An arithmetic coder narrows an interval by each symbol's share of it (Martin 1979, "Range encoding"). Payloads here are
under a kilobyte, so the lower end of the interval is kept as one exact Python integer. That needs no propagation of
carries, and allows the shortest byte string inside the final interval to be chosen.

    encoder = RangeEncoder()
    encoder.encode(start=0, size=3, total_bits=2)     # a symbol of probability 3/4
    encoder.finish()                                  # b"": the decoder reads zeros past the end
"""

from collections.abc import Iterable

from grain_codec.errors import Corrupt

_RANGE_BITS = 48
_LEAST_RANGE = 1 << (_RANGE_BITS - 8)


class RangeEncoder:
    """Collects symbols; `finish` returns their bytes."""

    def __init__(self) -> None:
        self._low, self._range, self._shifts = 0, 1 << _RANGE_BITS, 0

    def encode(self, start: int, size: int, total_bits: int) -> None:
        """Adds a symbol that owns the parts [start, start + size) of 1 << total_bits equal parts of the interval."""
        self.encode_all([start], [size], [total_bits])

    def encode_all(self, starts: Iterable[int], sizes: Iterable[int], total_bits: Iterable[int]) -> None:
        """Adds several symbols; see `encode`."""
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
    """Reads the symbols that a RangeEncoder wrote; past the end of the payload it reads zeros."""

    def __init__(self, payload: bytes):
        self._payload, self._position = payload, _RANGE_BITS // 8
        head = payload[: self._position]
        self._offset = int.from_bytes(head.ljust(self._position, b"\0"), "big")
        self._range = 1 << _RANGE_BITS

    def decode_part(self, total_bits: int) -> int:
        """Which of 1 << total_bits equal parts of the interval the payload lies in; call `consume` afterwards.

        Raises:
            Corrupt: it lies in none of them; no encoder writes such bytes.
        """
        part = self._offset // (self._range >> total_bits)
        if part >> total_bits:
            raise Corrupt("the payload is not one that an encoder writes")
        return part

    def consume(self, start: int, size: int, total_bits: int) -> None:
        """Removes the symbol that owns the part found by `decode_part`; the arguments are those of `encode`."""
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
