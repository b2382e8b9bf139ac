"""An ordinary codec behind a downscale: the search for the size and quality that are nearest under a byte cap."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from grain_codec.benchmarks.codecs.codec import Coded, timed
from grain_codec.benchmarks.codecs.quality_search import LOOK_AHEAD, QualitySearch
from PIL import Image

PRESCALES = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256)
"""Sides in pixels to which a face is shrunk before it is encoded."""

QUICK_PRESCALES = (16, 32, 48, 64, 96, 128, 192)

RANKING_SIDE = 256
"""Candidates are ranked by their squared error at this side, and the nearest of them compared at full size."""

FINALISTS = 2
MISSES = 2
"""The walk over the sizes turns back after so many in a row that are farther than the nearest yet."""


@dataclass(frozen=True)
class Trial:
    """One way to encode a face: side in pixels, a mode of the codec (such as its chroma sampling), quality, care."""

    prescale: int
    mode: str
    quality: int
    thorough: bool = False


class PrescaledCodec(ABC):
    """Lanczos down, encode, decode, Lanczos up; subclasses are the codecs.

    Attributes:
        name, variants: as in `FaceCodec`.
        modes: of the codec, all of which are tried.
        qualities: from the smallest files to the largest.
        has_thorough: whether `encode` can take more time over what the search has found.
    """

    name = ""
    variants: tuple[tuple[str, int | None], ...] = (("", None),)
    modes: tuple[str, ...] = ("",)
    qualities = range(101)
    has_thorough = False

    def __init__(self, rungs: tuple[int, ...] = (), quick: bool = False):
        """`rungs` are the byte caps of the curve's points; `quick` tries fewer sizes and takes no more time."""
        self.points = tuple(map(str, rungs))
        self.prescales = QUICK_PRESCALES if quick else PRESCALES
        self.quick = quick
        self._search: _Search | None = None

    @property
    def settings(self) -> str:
        """Library, settings and search in words."""
        sides = ", ".join(map(str, self.prescales))
        return f"{self.describe()} Shrunk to the best of {sides} px first, Lanczos both ways."

    @abstractmethod
    def describe(self) -> str:
        """Library, version, settings, and how payload bytes are counted: whole sentences."""

    @abstractmethod
    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """The file of a small picture."""

    def setting_of(self, trial: Trial) -> str:
        """A trial's settings as the codec's own tools name them."""
        return " ".join(filter(None, (f"q{trial.quality}", trial.mode)))

    @abstractmethod
    def payload_bytes(self, data: bytes) -> int | None:
        """Bytes of a file without its container, or None where that means nothing."""

    def at_point(self, pixels: np.ndarray, point: str) -> list[Coded]:
        """See `FaceCodec`."""
        return self.best_under(pixels, int(point))

    def best_under(self, pixels: np.ndarray, max_bytes: int) -> list[Coded]:
        """See `FaceCodec`."""
        if self._search is None or self._search.pixels is not pixels:
            self._search = _Search(self, pixels)
        trial = self._search.nearest(max_bytes)
        return [] if trial is None else [self._coded(pixels, trial)]

    def _coded(self, pixels: np.ndarray, trial: Trial) -> Coded:
        """A trial, encoded and decoded again with the clock running."""
        data, encode_seconds = timed(lambda: self.encode(shrunk(pixels, trial.prescale), trial))
        decoded, decode_seconds = timed(lambda: enlarged(data, pixels.shape[0]))
        return Coded(
            data=data,
            pixels=decoded,
            setting=self.setting_of(trial),
            payload_bytes=self.payload_bytes(data),
            prescale=trial.prescale,
            encode_seconds=encode_seconds,
            decode_seconds=decode_seconds,
        )


class _Search:
    """All that is known of one face's files; what was encoded for one cap serves the next."""

    def __init__(self, codec: PrescaledCodec, pixels: np.ndarray):
        self.pixels = pixels
        self._codec = codec
        self._reference = np.asarray(shrunk(pixels, RANKING_SIDE), np.float32)
        self._small: dict[int, Image.Image] = {}
        self._files: dict[Trial, bytes] = {}
        self._errors: dict[tuple[Trial, int], float] = {}
        self._searches: dict[Trial, QualitySearch] = {}
        self._gained = 0
        self._prescales = [side for side in codec.prescales if side <= pixels.shape[0]]
        self._start = len(self._prescales) // 2
        self._takes_care = codec.has_thorough and not codec.quick

    def nearest(self, max_bytes: int) -> Trial | None:
        """The nearest trial whose file has at most `max_bytes`, or None."""
        found: dict[Trial, float] = {}
        for step in (1, -1):
            self._walk(max_bytes, step, found)
        if not found:
            return None
        finalists = sorted(found, key=found.__getitem__)[:FINALISTS]
        self._start = self._prescales.index(finalists[0].prescale)
        if self._takes_care:
            finalists += self._thorough(finalists, max_bytes)
        return min(finalists, key=lambda trial: self._error(trial, self.pixels.shape[0]))

    def _walk(self, max_bytes: int, step: int, found: dict[Trial, float]) -> None:
        """Adds trials from the starting size on in one direction, while there is something to gain."""
        first, misses = self._start + (step < 0) * step, 0
        for prescale in self._prescales[first::step] if first >= 0 else ():
            nearest = min(found.values(), default=np.inf)
            if step < 0 and self._least_error(prescale) >= nearest:
                return
            trials = [trial for mode in self._codec.modes if (trial := self._finest(prescale, mode, max_bytes))]
            if not trials and step > 0:
                return
            found |= {trial: self._error(trial, RANKING_SIDE) for trial in trials}
            misses = 0 if min(found.values(), default=np.inf) < nearest else misses + bool(found)
            if misses == MISSES:
                return

    def _finest(self, prescale: int, mode: str, max_bytes: int) -> Trial | None:
        """The trial of the highest quality that fits."""
        middle = self._codec.qualities[len(self._codec.qualities) // 2]
        return self._finest_like(Trial(prescale, mode, middle), max_bytes)

    def _thorough(self, drafts: list[Trial], max_bytes: int) -> list[Trial]:
        """The same sizes and modes with all the encoder's care, each at the highest quality that then fits."""
        found = []
        for draft in drafts:
            # Care makes files smaller by much the same everywhere.
            guess = replace(draft, quality=draft.quality + self._gained, thorough=True)
            if trial := self._finest_like(guess, max_bytes):
                self._gained = trial.quality - draft.quality
                found.append(trial)
        return found

    def _finest_like(self, guess: Trial, max_bytes: int) -> Trial | None:
        """The trial of the highest quality that fits, otherwise like one whose quality is a guess."""
        qualities = self._codec.qualities
        family = replace(guess, quality=qualities[0])
        if family not in self._searches:
            stride = 1 if guess.thorough else len(qualities) // 4
            # A draft need not be the very best: the search with care goes on from it.
            ahead = 0 if self._takes_care else LOOK_AHEAD
            self._searches[family] = QualitySearch(
                lambda place: len(self._file(replace(family, quality=qualities[place]))), len(qualities), stride, ahead
            )
        place = self._searches[family].finest(max_bytes, guess.quality - qualities[0])
        return None if place is None else replace(family, quality=qualities[place])

    def _least_error(self, prescale: int) -> float:
        """What shrinking alone costs: no file of this size can be nearer."""
        small = self._shrunk(prescale).resize((RANKING_SIDE, RANKING_SIDE), Image.Resampling.LANCZOS)
        return squared_error(np.asarray(small), self._reference)

    def _file(self, trial: Trial) -> bytes:
        if trial not in self._files:
            self._files[trial] = self._codec.encode(self._shrunk(trial.prescale), trial)
        return self._files[trial]

    def _error(self, trial: Trial, side: int) -> float:
        """Mean squared error of a trial, compared at some side."""
        key = trial, side
        if key not in self._errors:
            reference = self._reference if side == RANKING_SIDE else self.pixels
            self._errors[key] = squared_error(enlarged(self._file(trial), side), reference)
        return self._errors[key]

    def _shrunk(self, prescale: int) -> Image.Image:
        if prescale not in self._small:
            self._small[prescale] = shrunk(self.pixels, prescale)
        return self._small[prescale]


def shrunk(pixels: np.ndarray, side: int) -> Image.Image:
    """A face uint8 `[S, S, 3]` at a smaller side, Lanczos."""
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)


def enlarged(data: bytes, side: int) -> np.ndarray:
    """A picture file's pixels at a side, Lanczos: uint8 `[side, side, 3]`."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


def squared_error(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared error of two pictures' samples."""
    difference = np.subtract(one, other, dtype=np.float32).reshape(-1)
    return float(difference @ difference) / difference.size
