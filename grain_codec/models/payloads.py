"""Symbols to payload and LR image and back, for each kind of model; needs no torch.

Both coders have the same methods. Fine quality and payload are what a `.grain` file stores of a face; the
LR image holds the same face in its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grain_codec.coding import lr_image as low_resolution
from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import Corrupt, NotGrain
from grain_codec.models.face1024.symbols import SymbolCoder, Symbols
from grain_codec.models.grain2022 import lossless
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.weights import ModelFile

Rows = dict[str, str | int | float]


@dataclass(frozen=True)
class Samples:
    """The symbols of a model of the published kind: the LR image itself.

    Attributes:
        pixels: uint8 `[16, 16, 3]`.
    """

    fine_quality: ClassVar[int] = 0
    """What a carrier states; there is one quality."""

    pixels: np.ndarray


AnySymbols = Symbols | Samples

Stored = tuple[int, bytes]
"""Fine quality and payload, as a coder gives them."""

Code = Callable[[Sequence[AnySymbols]], Iterable[Stored]]
"""Codes the symbols of some faces, wherever it does."""


class FaceCoder:
    """Of face-1024: levels, range coded under the model's tables; the LR image carries that payload."""

    def __init__(self, model: ModelFile):
        self.spec = model.spec
        self.levels = SymbolCoder(model.spec, model.symbol_tables())
        self._thumbnails = model.thumbnail_tables()

    def encode(self, symbols: Symbols) -> Stored:
        """Fine quality and payload of a face."""
        return symbols.fine_quality, self.levels.encode(symbols)

    def decode(self, fine_quality: int, payload: bytes) -> Symbols:
        """The symbols of a payload.

        Raises:
            Corrupt: the payload is not exactly what an encoder writes, or the model has no such quality.
        """
        if fine_quality >= self.spec.fine_qualities:
            raise Corrupt(f"fine quality {fine_quality} is beyond the model's {self.spec.fine_qualities - 1}")
        return self.levels.decode(payload, fine_quality)

    def to_low_resolution(self, symbols: Symbols) -> np.ndarray:
        """The LR image of a face, uint8 `[16, 16, 3]`."""
        return self._show(symbols, self.levels.encode(symbols))

    def from_low_resolution(self, pixels: np.ndarray, fine_quality: int | None) -> Symbols:
        """The symbols in an LR image.

        Raises:
            NotGrain: the fine quality is not known.
            Corrupt: the image does not show its own payload's thumbnail.
        """
        if fine_quality is None:
            raise NotGrain("the PNG has lost the chunk that names its quality; give it with --fine-quality")
        payload = low_resolution.extract(pixels)
        symbols = self.decode(fine_quality, payload)
        if not np.array_equal(self._show(symbols, payload), pixels):
            raise Corrupt("the LR image was altered, or is of another quality or model")
        return symbols

    def network_inputs(self, symbols: Sequence[Symbols]) -> tuple[np.ndarray, ...]:
        """What `draw` of the networks takes for some faces: levels `[B, T]` and `[B, 256, C]`, steps `[B]`; float32."""
        steps = [self.spec.detail_step(each.fine_quality) for each in symbols]
        levels = [each.thumbnail for each in symbols], [each.details for each in symbols]
        return tuple(np.array(values, np.float32) for values in (*levels, steps))

    def describe(self, symbols: Symbols) -> Rows:
        """What there is to say of the symbols."""
        return {
            "ideal payload bits": round(self.levels.ideal_bits(symbols), 1),
            "thumbnail symbols": int(np.count_nonzero(symbols.thumbnail)),
            "detail symbols": int(np.count_nonzero(symbols.details)),
        }

    def _show(self, symbols: Symbols, payload: bytes) -> np.ndarray:
        thumbnail = low_resolution.draw_thumbnail(symbols.thumbnail, symbols.fine_quality, self._thumbnails)
        return low_resolution.embed(payload, thumbnail)


MODELLED, PLAIN = 0, 1
"""Fine qualities that a `.grain` file states: the payload is `lossless`, or the samples as they are, for noise."""


class SampleCoder:
    """Of the published kind: all 768 samples are free, and coded losslessly."""

    def encode(self, symbols: Samples) -> Stored:
        """Fine quality and payload of a face; see `Samples`."""
        payload = lossless.encode(symbols.pixels)
        if len(payload) <= LR_SAMPLES:
            return MODELLED, payload
        return PLAIN, symbols.pixels.tobytes().rstrip(b"\0")

    def decode(self, fine_quality: int, payload: bytes) -> Samples:
        """The symbols of a payload.

        Raises:
            Corrupt: it is not exactly what an encoder writes.
        """
        if fine_quality == MODELLED:
            return Samples(lossless.decode(payload))
        if fine_quality != PLAIN or len(payload) > LR_SAMPLES:
            raise Corrupt(f"fine quality {fine_quality} is none that the model has")
        pixels = np.frombuffer(payload.ljust(LR_SAMPLES, b"\0"), np.uint8).reshape(16, 16, 3)
        if self.encode(Samples(pixels)) != (fine_quality, payload):
            raise Corrupt("the payload is not one that an encoder writes")
        return Samples(pixels)

    def to_low_resolution(self, symbols: Samples) -> np.ndarray:
        """The LR image of a face, uint8 `[16, 16, 3]`."""
        return symbols.pixels

    def from_low_resolution(self, pixels: np.ndarray, fine_quality: int | None) -> Samples:
        """The symbols in an LR image, which are its pixels.

        Raises:
            Corrupt: a fine quality is stated that the model does not have.
        """
        if fine_quality not in (None, Samples.fine_quality):
            raise Corrupt(f"fine quality {fine_quality} is none that the model has")
        return Samples(pixels)

    def network_inputs(self, symbols: Sequence[Samples]) -> tuple[np.ndarray, ...]:
        """What `draw` of the networks takes for some faces: samples `[B, 3, 16, 16]`, float32."""
        return (np.stack([each.pixels.transpose(2, 0, 1) for each in symbols]).astype(np.float32),)

    def describe(self, symbols: Samples) -> Rows:
        """What there is to say of the symbols."""
        return {"samples": LR_SAMPLES, "samples are": ("modelled", "plain")[self.encode(symbols)[0]]}


def coder_of(model: ModelFile) -> FaceCoder | SampleCoder:
    """The coder of a model of any kind."""
    return SampleCoder() if isinstance(model.spec, Grain2022Spec) else FaceCoder(model)
