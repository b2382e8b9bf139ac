"""What every codec in a comparison does: files under a byte cap, and the points of its rate-distortion curve."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from grain_codec.errors import GrainError

Result = TypeVar("Result")

REPEATS = 3
SECONDS_FOR_REPEATS = 0.01
"""What is slower is timed once: the median over the faces of a report evens it out."""


class PackageMissing(GrainError):
    """Something needs an optional package that is not installed; the text names the command that installs it."""


@dataclass(frozen=True)
class Coded:
    """A face as a codec left it.

    Attributes:
        data: the whole file.
        pixels: uint8 `[S, S, 3]`, decoded and drawn at the face's own size.
        setting: the codec's settings for this file.
        payload_bytes: of the file without its container; None where that means nothing.
        prescale: side in pixels at which the face was encoded; None where it was not shrunk first.
        output, effort: of a model; see `results_table.Row`.
        low_resolution: uint8 `[16, 16, 3]`, a model's LR image.
        encode_seconds, decode_seconds: from full-size pixels to bytes and back.
    """

    data: bytes
    pixels: np.ndarray
    setting: str
    payload_bytes: int | None
    prescale: int | None = None
    output: str = ""
    effort: int | None = None
    low_resolution: np.ndarray | None = None
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0


class FaceCodec(Protocol):
    """A codec in a comparison.

    Attributes:
        name: as in the results table.
        settings: which library in which version with which settings, and how payload bytes are counted.
        variants: output and effort of every file that it makes of a face at one point.
        points: names of the points of its curve.
    """

    name: str
    settings: str
    variants: tuple[tuple[str, int | None], ...]
    points: tuple[str, ...]

    def at_point(self, pixels: np.ndarray, point: str) -> list[Coded]:
        """The face uint8 `[S, S, 3]` at a point of the curve, once for each variant; empty where nothing fits."""
        ...

    def best_under(self, pixels: np.ndarray, max_bytes: int) -> list[Coded]:
        """The nearest files of at most `max_bytes`, one for each variant; empty where nothing fits."""
        ...


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """A function's result and the median of its seconds over a few runs, of which the first warms up."""
    result, seconds = _run(function)
    if seconds > SECONDS_FOR_REPEATS:
        return result, seconds
    return result, statistics.median(_run(function)[1] for _ in range(REPEATS))


def _run(function: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def curve_of(codec: FaceCodec, pixels: np.ndarray) -> Iterator[tuple[str, Coded]]:
    """All points of a codec's curve that exist for a face."""
    for point in codec.points:
        for coded in codec.at_point(pixels, point):
            yield point, coded
