"""Symbols of the published kind to payload and LR image and back: all 768 samples are free, and coded losslessly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.errors import Corrupt
from grain_codec.models.family import Coder, Payload, Rows
from grain_codec.models.grain2022 import lossless

MODELLED, PLAIN = 0, 1
"""Fine qualities that a `.grain` file states: the payload is `lossless`, or the samples as they are, for noise."""


@dataclass(frozen=True)
class Grain2022Symbols:
    """The symbols of a model of the published kind: the LR image itself.

    Attributes:
        pixels: uint8 `[16, 16, 3]`.
    """

    fine_quality: ClassVar[int] = 0
    """The fine quality that a carrier states; the family has only one quality."""

    pixels: npt.NDArray[np.uint8]


class Grain2022Coder(Coder[Grain2022Symbols]):
    """The LR image is the symbols; a record is its samples."""

    record_dtype = np.dtype(np.uint8)
    record_length = LR_SAMPLES

    def encode(self, symbols: Grain2022Symbols) -> Payload:
        """See `Coder.encode`."""
        payload = lossless.encode(symbols.pixels)
        if len(payload) <= LR_SAMPLES:
            return Payload(MODELLED, payload)
        return Payload(PLAIN, symbols.pixels.tobytes().rstrip(b"\0"))

    def decode(self, payload: Payload) -> Grain2022Symbols:
        """See `Coder.decode`."""
        if payload.fine_quality == MODELLED:
            return Grain2022Symbols(lossless.decode(payload.data))
        if payload.fine_quality != PLAIN or len(payload.data) > LR_SAMPLES:
            raise Corrupt(f"fine quality {payload.fine_quality} is none that the model has")
        samples = np.frombuffer(payload.data.ljust(LR_SAMPLES, b"\0"), np.uint8)
        symbols = Grain2022Symbols(samples.reshape(GRID, GRID, 3))
        if self.encode(symbols) != payload:
            raise Corrupt("the payload is not one that an encoder writes")
        return symbols

    def to_lr_image(self, symbols: Grain2022Symbols, payload: Payload | None = None) -> npt.NDArray[np.uint8]:
        """See `Coder.to_lr_image`."""
        return symbols.pixels

    def from_lr_image(
        self, pixels: npt.NDArray[np.uint8], fine_quality: int | None, tail: bytes = b""
    ) -> tuple[Grain2022Symbols, None]:
        """See `Coder.from_lr_image`; any image is one that the coder gives, and a stated fine quality must be 0."""
        if fine_quality not in (None, Grain2022Symbols.fine_quality):
            raise Corrupt(f"fine quality {fine_quality} is none that the model has")
        if tail:
            raise Corrupt("the carrier image has a tail, which no encoder of the model writes")
        return Grain2022Symbols(pixels), None

    def pack(self, symbols: Grain2022Symbols) -> npt.NDArray[np.uint8]:
        """See `Coder.pack`."""
        return symbols.pixels.reshape(-1)

    def describe(self, symbols: Grain2022Symbols, payload: Payload) -> Rows:
        """See `Coder.describe`."""
        return {"samples": LR_SAMPLES, "samples are": ("modelled", "plain")[payload.fine_quality]}
