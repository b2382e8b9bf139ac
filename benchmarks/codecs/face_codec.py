"""The interface of every codec in a comparison: files under a byte cap, and the points of a rate-distortion curve."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from grain_codec.benchmarks.tables.rows import Series
from grain_codec.codec import Pixels

Result = TypeVar("Result")

REPEATS = 3
SECONDS_FOR_REPEATS = 0.01
"""A call that takes longer is timed only once, because a report shows the median over its faces."""


@dataclass(frozen=True)
class Coded:
    """A face after encoding and decoding."""

    series: Series  # The codec, with the output and the effort if it is a model.
    data: bytes  # The whole file.
    pixels: Pixels  # uint8 `[S, S, 3]`, decoded and drawn at the face's own size.
    setting: str  # The codec's settings for this file.
    payload_bytes: int | None  # Bytes of the file without its container; None where the file has no such part.
    # From full-size pixels to bytes and back.
    encode_seconds: float
    decode_seconds: float
    prescale: int | None = None  # Side in pixels at which the face was encoded; None where it was not shrunk first.
    low_resolution: Pixels | None = None  # uint8 `[16, 16, 3]`, a model's LR image.


class FaceCodec(Protocol):
    """A codec in a comparison.

    Attributes:
        name: as in the results.
        settings: which library in which version with which settings, and how payload bytes are counted.
        series: one for each file that the codec makes of a face at one point.
        points: names of the points of its curve.
    """

    name: str
    series: tuple[Series, ...]
    points: tuple[str, ...]

    @property
    def settings(self) -> str:
        """See the class."""
        ...

    def at_point(self, pixels: Pixels, point: str) -> list[Coded]:
        """The face uint8 `[S, S, 3]` at a point of the curve, once for each series; empty where nothing fits."""
        ...

    def best_under(self, pixels: Pixels, max_bytes: int) -> list[Coded]:
        """The nearest files of at most `max_bytes`, one for each series; empty where nothing fits."""
        ...


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """A function's result and its seconds: the median of a few runs after a first one, if it is quick."""
    result, seconds = _run(function)
    if seconds > SECONDS_FOR_REPEATS:
        return result, seconds
    return result, statistics.median(_run(function)[1] for _ in range(REPEATS))


def _run(function: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started
