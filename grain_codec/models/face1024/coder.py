"""Symbols of face-1024 to payload and LR image and back: levels, range coded under the model's tables."""

from typing import Any

import numpy as np
import numpy.typing as npt

from grain_codec.coding import lr_image
from grain_codec.errors import Corrupt, NotGrain
from grain_codec.models.face1024.contexts import CELLS
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import Face1024Symbols, SymbolCoder, SymbolTables
from grain_codec.models.face1024.thumbnail import ThumbnailTables, draw_thumbnail
from grain_codec.models.family import Coder, Payload, Rows, Tensors, tensor_of

_SYMBOL_TABLES = ("thumbnail_scales", "detail_scales", "thumbnail_context", "detail_context", "cumulative")


class Face1024Coder(Coder[Face1024Symbols]):
    """The LR image shows the face's thumbnail, and carries the head of the payload in the remainders of its samples.

    A record is the fine quality, the levels of the thumbnail and the levels of the details; see `ops/unpack.py`.
    """

    record_dtype = np.dtype(np.int32)

    def __init__(self, spec: Face1024Spec, tensors: Tensors):
        """Raises WrongModel where a table is missing or unusable."""
        self.spec = spec
        self.levels = SymbolCoder(spec, symbol_tables(tensors))
        self._thumbnails = thumbnail_tables(spec, tensors)
        self.record_length = 1 + spec.thumbnail_components + CELLS * spec.detail_components

    def encode(self, symbols: Face1024Symbols) -> Payload:
        """See `Coder.encode`."""
        return Payload(symbols.fine_quality, self.levels.encode(symbols))

    def decode(self, payload: Payload) -> Face1024Symbols:
        """See `Coder.decode`."""
        if payload.fine_quality >= self.spec.fine_qualities:
            raise Corrupt(f"fine quality {payload.fine_quality} is beyond the model's {self.spec.fine_qualities - 1}")
        return self.levels.decode(payload.data, payload.fine_quality)

    def to_lr_image(self, symbols: Face1024Symbols, payload: Payload | None = None) -> npt.NDArray[np.uint8]:
        """See `Coder.to_lr_image`."""
        thumbnail = draw_thumbnail(symbols.thumbnail, symbols.fine_quality, self._thumbnails)
        return lr_image.embed((payload or self.encode(symbols)).data, thumbnail)

    def tail(self, payload: Payload) -> bytes:
        """See `Coder.tail`."""
        return lr_image.split(payload.data)[1]

    def from_lr_image(
        self, pixels: npt.NDArray[np.uint8], fine_quality: int | None, tail: bytes = b""
    ) -> tuple[Face1024Symbols, Payload]:
        """See `Coder.from_lr_image`."""
        if fine_quality is None:
            raise NotGrain("the PNG has lost the chunk that names its quality; give it with --fine-quality")
        payload = Payload(fine_quality, lr_image.extract(pixels, tail))
        symbols = self.decode(payload)
        if not np.array_equal(self.to_lr_image(symbols, payload), pixels):
            raise Corrupt("the LR image was altered, or is of another quality or model")
        return symbols, payload

    def pack(self, symbols: Face1024Symbols) -> npt.NDArray[np.int32]:
        """See `Coder.pack`."""
        values = np.concatenate([[symbols.fine_quality], symbols.thumbnail, symbols.details.reshape(-1)])
        return values.astype(np.int32)

    def describe(self, symbols: Face1024Symbols, payload: Payload) -> Rows:
        """See `Coder.describe`."""
        return {
            "ideal payload bits": round(self.levels.ideal_bits(symbols), 1),
            "tail bytes": len(self.tail(payload)),
            "thumbnail symbols": int(np.count_nonzero(symbols.thumbnail)),
            "detail symbols": int(np.count_nonzero(symbols.details)),
        }


def symbol_tables(tensors: Tensors) -> SymbolTables:
    """The tables of the entropy coder. Raises WrongModel: one is missing."""
    tables: dict[str, npt.NDArray[Any]] = {name: tensor_of(tensors, f"tables.{name}") for name in _SYMBOL_TABLES}
    return SymbolTables(**tables)


def thumbnail_tables(spec: Face1024Spec, tensors: Tensors) -> ThumbnailTables:
    """The tables that turn symbols into the thumbnail. Raises WrongModel where one is missing or has a wrong shape."""
    tables = ThumbnailTables(
        mean=tensor_of(tensors, "networks.rescaling.thumbnail_mean"),
        basis=tensor_of(tensors, "networks.rescaling.thumbnail_basis"),
        steps=tensor_of(tensors, "tables.thumbnail_steps"),
    )
    tables.check(spec)
    return tables
