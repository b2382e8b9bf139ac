"""An ordinary codec behind a downscale: the search for the size and quality that are nearest under a byte cap."""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.benchmarks.codecs.face_codec import Coded, timed
from grain_codec.benchmarks.codecs.quality_search import LOOK_AHEAD, QualitySearch
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.codec import Pixels

PRESCALES = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256)
"""Sides in pixels to which a face is shrunk before it is encoded."""

QUICK_PRESCALES = (16, 32, 48, 64, 96, 128, 192)

RANKING_SIDE = 256
"""Candidates are ranked by their squared error at this side, and the nearest of them compared at full size."""

FINALISTS = 2
MISSES = 2  # Sizes in a row that may be farther from the face than the nearest yet, before the search turns round.


@dataclass(frozen=True)
class Trial:
    """One way to encode a face."""

    prescale: int  # Side in pixels.
    mode: str  # The format's mode, such as its chroma sampling.
    quality: int  # The format's quality setting.
    thorough: bool = False  # Whether the encoder may take more time.


class ImageFormat(Protocol):
    """A format of picture files, as one library writes and reads it.

    Attributes:
        name: the format's name in the results.
        modes: all of them are tried.
        qualities: from the smallest files to the largest.
        has_thorough: whether the encoder can take more time over what the search has found.
        smallest_side: the smallest side that the encoder takes, in pixels.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def modes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def qualities(self) -> range: ...  # noqa: D102

    @property
    def has_thorough(self) -> bool: ...  # noqa: D102

    @property
    def smallest_side(self) -> int: ...  # noqa: D102

    def prepare(self) -> None:
        """Makes the format ready to use; raises PackageMissing where something is not installed."""
        ...

    def describe(self, quick: bool, /) -> str:
        """Library, version, settings, and how payload bytes are counted, in whole sentences."""
        ...

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """The file of a small picture."""
        ...

    def decode(self, data: bytes) -> Image.Image:
        """The RGB picture in a file."""
        ...

    def payload_bytes(self, data: bytes, /) -> int | None:
        """Bytes of a file without its container, or None where that means nothing."""
        ...

    def setting(self, trial: Trial, /) -> str:
        """A trial's settings as the format's own tools name them."""
        ...


class PrescaledCodec:
    """Lanczos down, encode in a format, decode, Lanczos up; a `FaceCodec`."""

    def __init__(self, format: ImageFormat, rungs: tuple[int, ...] = (), quick: bool = False):
        """Makes the codec ready to use.

        Args:
            rungs: byte caps that are the points of the curve.
            quick: tries fewer sizes, and lets no encoder take more time.

        Raises:
            PackageMissing: something that the format needs is not installed.
        """
        format.prepare()
        self.format, self.name = format, format.name
        self.series: tuple[Series, ...] = (Series(format.name),)
        self.points = tuple(map(str, rungs))
        sides = QUICK_PRESCALES if quick else PRESCALES
        self.prescales = tuple(side for side in sides if side >= format.smallest_side)
        self.quick = quick
        self._search: _Search | None = None

    @property
    def settings(self) -> str:
        """Library, settings and search in words."""
        sides = ", ".join(map(str, self.prescales))
        return f"{self.format.describe(self.quick)} Shrunk to the best of {sides} px first, Lanczos both ways."

    def at_point(self, pixels: Pixels, point: str) -> list[Coded]:
        """See `FaceCodec`."""
        return self.best_under(pixels, int(point))

    def best_under(self, pixels: Pixels, max_bytes: int) -> list[Coded]:
        """See `FaceCodec`."""
        if self._search is None or self._search.pixels is not pixels:
            self._search = _Search(self, pixels)
        trial = self._search.nearest(max_bytes)
        return [] if trial is None else [self._coded(pixels, trial)]

    def _coded(self, pixels: Pixels, trial: Trial) -> Coded:
        """Encodes and decodes a trial once more, timed."""
        data, encode_seconds = timed(lambda: self.format.encode(shrunk(pixels, trial.prescale), trial))
        decoded, decode_seconds = timed(lambda: enlarged(self.format.decode(data), pixels.shape[0]))
        return Coded(
            series=self.series[0],
            data=data,
            pixels=decoded,
            setting=self.format.setting(trial),
            payload_bytes=self.format.payload_bytes(data),
            prescale=trial.prescale,
            encode_seconds=encode_seconds,
            decode_seconds=decode_seconds,
        )


class _Search:
    """The search over one face's files; files that were encoded for one cap are used again for the next."""

    def __init__(self, codec: PrescaledCodec, pixels: Pixels):
        self.pixels = pixels
        self._format = codec.format
        self._reference = np.asarray(shrunk(pixels, RANKING_SIDE), np.float32)
        self._shrunk = cache(partial(shrunk, pixels))
        self._file = cache(lambda trial: self._format.encode(self._shrunk(trial.prescale), trial))
        self._error = cache(self._squared_error)
        self._searches: dict[Trial, QualitySearch] = {}
        self._quality_gain = 0
        self._prescales = [side for side in codec.prescales if side <= pixels.shape[0]]
        self._start = len(self._prescales) // 2
        self._middle = self._format.qualities[len(self._format.qualities) // 2]
        self._refines = codec.format.has_thorough and not codec.quick

    def nearest(self, max_bytes: int) -> Trial | None:
        """The nearest trial whose file has at most `max_bytes`, or None."""
        found: dict[Trial, float] = {}
        for step in (1, -1):
            self._walk(max_bytes, step, found)
        if not found:
            return None
        finalists = sorted(found, key=found.__getitem__)[:FINALISTS]
        self._start = self._prescales.index(finalists[0].prescale)
        if self._refines:
            finalists += self._thorough(finalists, max_bytes)
        return min(finalists, key=lambda trial: self._error(trial, self.pixels.shape[0]))

    def _walk(self, max_bytes: int, step: int, found: dict[Trial, float]) -> None:
        """Adds trials from the starting size on in one direction, while there is something to gain."""
        first, misses = self._start + (step < 0) * step, 0
        for prescale in self._prescales[first::step] if first >= 0 else ():
            nearest = min(found.values(), default=np.inf)
            if step < 0 and self._least_error(prescale) >= nearest:
                return
            guesses = [Trial(prescale, mode, self._middle) for mode in self._format.modes]
            trials = [trial for guess in guesses if (trial := self._finest_like(guess, max_bytes))]
            if not trials and step > 0:
                return
            found |= {trial: self._error(trial, RANKING_SIDE) for trial in trials}
            misses = 0 if min(found.values(), default=np.inf) < nearest else misses + bool(found)
            if misses == MISSES:
                return

    def _thorough(self, drafts: list[Trial], max_bytes: int) -> list[Trial]:
        """The same sizes and modes by the thorough encoder, each at the highest quality that then fits."""
        found = []
        for draft in drafts:
            # A thorough encoder makes all files smaller by much the same factor.
            guess = replace(draft, quality=draft.quality + self._quality_gain, thorough=True)
            if trial := self._finest_like(guess, max_bytes):
                self._quality_gain = trial.quality - draft.quality
                found.append(trial)
        return found

    def _finest_like(self, guess: Trial, max_bytes: int) -> Trial | None:
        """The trial of the highest quality that fits, otherwise like one whose quality is a guess."""
        qualities = self._format.qualities
        family = replace(guess, quality=qualities[0])
        if family not in self._searches:
            stride = 1 if guess.thorough else len(qualities) // 4
            # A draft need not be the very best: the thorough search starts from it.
            ahead = 0 if self._refines else LOOK_AHEAD
            self._searches[family] = QualitySearch(
                lambda place: len(self._file(replace(family, quality=qualities[place]))), len(qualities), stride, ahead
            )
        place = self._searches[family].finest(max_bytes, guess.quality - qualities[0])
        return None if place is None else replace(family, quality=qualities[place])

    def _least_error(self, prescale: int) -> float:
        """The error that shrinking alone causes: no file of this size can be nearer."""
        small = self._shrunk(prescale).resize((RANKING_SIDE, RANKING_SIDE), Image.Resampling.LANCZOS)
        return squared_error(np.asarray(small), self._reference)

    def _squared_error(self, trial: Trial, side: int) -> float:
        """Mean squared error of a trial, compared at some side."""
        reference = self._reference if side == RANKING_SIDE else self.pixels
        return squared_error(enlarged(self._format.decode(self._file(trial)), side), reference)


def shrunk(pixels: Pixels, side: int) -> Image.Image:
    """A face uint8 `[S, S, 3]` at a smaller side, Lanczos."""
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)


def enlarged(image: Image.Image, side: int) -> Pixels:
    """A picture's pixels at a larger side, Lanczos: uint8 `[side, side, 3]`."""
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))


def squared_error(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Mean squared error of two pictures' samples."""
    difference = np.subtract(one, other, dtype=np.float32).reshape(-1)
    return float(difference @ difference / difference.size)
