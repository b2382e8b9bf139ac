"""Symbols of a face as one row of whole numbers, as they travel between processes and to a GPU; needs no torch."""

from __future__ import annotations

import numpy as np

from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import CELLS, Symbols
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.payloads import Samples
from grain_codec.models.registry import AnySpec


class FaceRecords:
    """Of face-1024: fine quality, levels of the thumbnail, levels of the details; see `ops/unpack.py`.

    Attributes:
        steps: float32 `[Q]`, the quantiser step of each fine quality.
    """

    dtype = np.dtype(np.int32)

    def __init__(self, spec: Face1024Spec):
        self.spec = spec
        self.length = 1 + spec.thumbnail_components + CELLS * spec.detail_components
        self.steps = np.array([spec.detail_step(quality) for quality in range(spec.fine_qualities)], np.float32)

    def pack(self, symbols: Symbols) -> np.ndarray:
        """A face's record, int32 `[length]`."""
        values = np.concatenate([[symbols.fine_quality], symbols.thumbnail, symbols.details.reshape(-1)])
        return values.astype(self.dtype)


class SampleRecords:
    """Of the published kind: the samples of the LR image."""

    dtype = np.dtype(np.uint8)
    length = LR_SAMPLES
    steps = np.zeros(0, np.float32)

    def pack(self, symbols: Samples) -> np.ndarray:
        """A face's record, uint8 `[768]`."""
        return symbols.pixels.reshape(-1)


def records_of(spec: AnySpec) -> FaceRecords | SampleRecords:
    """The records of a model of any kind."""
    return SampleRecords() if isinstance(spec, Grain2022Spec) else FaceRecords(spec)
