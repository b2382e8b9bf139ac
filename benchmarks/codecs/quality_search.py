"""The search for the highest quality whose file fits, with few encodings."""

import math
from collections.abc import Callable

LOOK_AHEAD = 2  # Qualities tried beyond the one that was found: bytes do not always grow with quality.


class QualitySearch:
    """The file sizes of one picture over a ladder of qualities; what was found for one cap serves the next."""

    def __init__(self, size_at: Callable[[int], int], count: int, stride: int, look_ahead: int = LOOK_AHEAD):
        """Nothing is encoded before it is asked for.

        Args:
            size_at: bytes of the file at a place on the ladder, from 0 for the smallest files to `count - 1`.
            stride: places from what is known to the first probe beyond it; doubles with each further probe.
            look_ahead: see LOOK_AHEAD.
        """
        self._size_at, self._count, self._stride, self._look_ahead = size_at, count, stride, look_ahead
        self._sizes: dict[int, int] = {}

    def finest(self, max_bytes: int, start: int) -> int | None:
        """The highest place whose file has at most `max_bytes`, or None; `start` is a guess of it."""
        fitting = max((place for place, size in self._sizes.items() if size <= max_bytes), default=-1)
        above = min((place for place in self._sizes if place > fitting), default=self._count)
        stride, halve = self._stride, False
        while (width := above - fitting) > 1:
            if fitting < start < above:
                probe = start
            elif fitting >= 0 and above < self._count:
                probe = (fitting + above) // 2 if halve else self._interpolated(fitting, above, max_bytes)
            else:
                probe = min(fitting + stride, above - 1) if fitting >= 0 else max(above - stride, 0)
                stride *= 2
            if self._size(probe) <= max_bytes:
                fitting = probe
            else:
                above = probe
            # Interpolation alone could approach one end in tiny steps: then the next probe halves the range.
            halve = above - fitting > width // 2
        if fitting < 0:
            return None
        ahead = range(fitting + 1, min(fitting + 1 + self._look_ahead, self._count))
        return max((place for place in ahead if self._size(place) <= max_bytes), default=fitting)

    def _interpolated(self, fitting: int, above: int, max_bytes: int) -> int:
        """A place strictly between two, where the logarithm of the size should be that of `max_bytes`."""
        lower, upper = math.log(self._sizes[fitting]), math.log(self._sizes[above])
        share = (math.log(max_bytes) - lower) / (upper - lower)
        return min(max(fitting + round(share * (above - fitting)), fitting + 1), above - 1)

    def _size(self, place: int) -> int:
        if place not in self._sizes:
            self._sizes[place] = self._size_at(place)
        return self._sizes[place]
