"""Our own models in a comparison: the faithful and the natural output, at every effort asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from grain_codec.benchmarks.codecs.codec import Coded, timed
from grain_codec.formats import container

from grain_codec.codec import load_model
from grain_codec.errors import TooLarge

COMPARED = ("rescaled", "fused")
"""What users decode to; `prior` is a step on the way."""


class ModelCodec:
    """A model of this package, as a `FaceCodec`."""

    def __init__(self, model: str, name: str, efforts: tuple[int, ...] = (0,), device: str = "cpu"):
        """Loads the model and runs it once, so that the clock does not count what only a first run needs.

        Args:
            model: a shipped model, or the path of a weights file.
            name: what results call it.
            efforts: of the search; all of them are measured.
            device: as `load_model` takes it.

        Raises:
            WrongModel: there is no such model, or it is not usable.
        """
        self.name = name
        self._codec = load_model(model, device)
        spec, weights = self._codec.spec, self._codec.files.model
        # With one quality there is nothing to search for.
        self.efforts = efforts if len(spec.quality_levels) > 1 else (0,)
        self.outputs = tuple(output for output in COMPARED if output in self._codec.outputs)
        self.variants = tuple((output, effort) for effort in self.efforts for output in self.outputs)
        self.points = tuple(f"q{level + 1}" for level in range(len(spec.quality_levels)))
        self.settings = (
            f"weights {spec.name} {weights.fingerprint.hex()}, on {device}: outputs {', '.join(self.outputs)}, "
            f"effort {', '.join(map(str, self.efforts))}. Payload bytes: without the .grain header and checksum. "
            "Under a cap, the seconds include finding the quality that fits."
        )
        grey = np.full((spec.image_size, spec.image_size, 3), 128, np.uint8)
        data = self._codec.encode_face(grey, quality=1)
        for output in self.outputs:
            self._codec.decode_face(data, output=output)

    def at_point(self, pixels: np.ndarray, point: str) -> list[Coded]:
        """See `FaceCodec`."""
        quality = int(point.removeprefix("q"))
        return self._coded(partial(self._codec.encode_face, pixels, quality=quality), point)

    def best_under(self, pixels: np.ndarray, max_bytes: int) -> list[Coded]:
        """See `FaceCodec`."""
        return self._coded(partial(self._codec.encode_face, pixels, max_bytes=max_bytes), "")

    def _coded(self, encode: partial[bytes], point: str) -> list[Coded]:
        """What each effort makes of a face, and each output of that."""
        found = []
        for effort in self.efforts:
            try:
                data, seconds = timed(partial(encode, effort=effort))
            except TooLarge:
                continue
            found += self._decoded(data, seconds, effort, point)
        return found

    def _decoded(self, data: bytes, encode_seconds: float, effort: int, point: str) -> Iterator[Coded]:
        """All outputs of a file."""
        files, stored = self._codec.files, container.unpack(data)
        symbols, read_seconds = timed(partial(files.read, data))
        low_resolution = files.low_resolution(symbols)
        for output in self.outputs:
            pixels, draw_seconds = timed(partial(self._codec.draw, symbols, output))
            yield Coded(
                data=data,
                pixels=pixels,
                setting=" ".join(filter(None, (point, f"fine quality {stored.fine_quality}"))),
                payload_bytes=len(stored.payload),
                output=output,
                effort=effort,
                low_resolution=low_resolution,
                encode_seconds=encode_seconds,
                decode_seconds=read_seconds + draw_seconds,
            )
