"""The codecs that every other should beat: plain 16x16 samples, and a hash that shows a blur while a page loads."""

from abc import ABC, abstractmethod
from functools import partial
from importlib.metadata import version

import numpy as np
from PIL import Image

from grain_codec.benchmarks.codecs.face_codec import Coded, timed
from grain_codec.benchmarks.codecs.prescaled import shrunk, squared_error
from grain_codec.benchmarks.packages import require
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.codec import Pixels
from grain_codec.coding.grid import GRID

HASHED_SIDE = 32  # Side in pixels of what BlurHash is given: its 9x9 cosines at most can show no more detail.


class Placeholder(ABC):
    """A codec with one file for each of a few settings, as a `FaceCodec`; subclasses say which."""

    name = ""
    settings = ""
    points: tuple[str, ...] = ()
    prescale = 0

    def __init__(self) -> None:
        self.series: tuple[Series, ...] = (Series(self.name),)
        self._face: Pixels | None = None
        self._files: dict[str, Coded] = {}

    @abstractmethod
    def encode(self, pixels: Pixels, point: str) -> bytes:
        """The file of a face uint8 `[S, S, 3]` with a setting."""

    @abstractmethod
    def decode(self, data: bytes, side: int) -> Pixels:
        """The face at its own side."""

    def at_point(self, pixels: Pixels, point: str) -> list[Coded]:
        """See `FaceCodec`."""
        if self._face is not pixels:
            self._face, self._files = pixels, {}
        if point not in self._files:
            self._files[point] = self._coded(pixels, point)
        return [self._files[point]]

    def best_under(self, pixels: Pixels, max_bytes: int) -> list[Coded]:
        """See `FaceCodec`."""
        files = [coded for point in self.points for coded in self.at_point(pixels, point)]
        fitting = [coded for coded in files if len(coded.data) <= max_bytes]
        return sorted(fitting, key=lambda coded: squared_error(coded.pixels, pixels))[:1]

    def _coded(self, pixels: Pixels, point: str) -> Coded:
        data, encode_seconds = timed(partial(self.encode, pixels, point))
        decoded, decode_seconds = timed(partial(self.decode, data, pixels.shape[0]))
        return Coded(
            series=self.series[0],
            data=data,
            pixels=decoded,
            setting=point,
            payload_bytes=len(data),
            prescale=self.prescale,
            encode_seconds=encode_seconds,
            decode_seconds=decode_seconds,
        )


class Bicubic16(Placeholder):
    """The face at 16x16, its 768 bytes as they are."""

    name = "bicubic16"
    settings = "Bicubic down to 16x16 (antialiased), 768 bytes as they are, bicubic up. Payload bytes: all."
    points = ("raw",)
    prescale = GRID

    def encode(self, pixels: Pixels, point: str) -> bytes:
        """See `Placeholder`."""
        return Image.fromarray(pixels).resize((GRID, GRID), Image.Resampling.BICUBIC).tobytes()

    def decode(self, data: bytes, side: int) -> Pixels:
        """See `Placeholder`."""
        image = Image.frombytes("RGB", (GRID, GRID), data)
        return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


class BlurHash(Placeholder):
    """BlurHash with a few numbers of components; its file is its text."""

    name = "blurhash"
    points = ("4x4", "6x6", "9x9")
    prescale = HASHED_SIDE

    def __init__(self) -> None:
        """Raises PackageMissing without its package."""
        super().__init__()
        require("BlurHash needs one more package", "bench", "blurhash")
        self.settings = (
            f"blurhash {version('blurhash')}: {', '.join(self.points)} components of the face at {HASHED_SIDE} px, "
            "drawn bicubic. Payload bytes: all letters of the text."
        )

    def encode(self, pixels: Pixels, point: str) -> bytes:
        """See `Placeholder`."""
        import blurhash

        across, down = map(int, point.split("x"))
        text: str = blurhash.encode(np.asarray(shrunk(pixels, HASHED_SIDE)).tolist(), across, down)
        return text.encode()

    def decode(self, data: bytes, side: int) -> Pixels:
        """See `Placeholder`."""
        import blurhash

        drawn = np.array(blurhash.decode(data.decode(), HASHED_SIDE, HASHED_SIDE), np.uint8)
        return np.asarray(Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC))
