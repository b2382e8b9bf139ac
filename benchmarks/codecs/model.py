"""Our own models in a comparison: the faithful and the natural output, at every effort asked for."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from grain_codec.benchmarks.codecs.face_codec import Coded, timed
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.codec import Pixels, load_model
from grain_codec.errors import TooLarge
from grain_codec.settings import DecodeSettings, EncodeSettings

COMPARED = ("fused", "rescaled")  # What users decode to, the natural picture first; `prior` is an intermediate result.

CURVE_QUALITIES = (0, 10, 20, 30, 45, 60, 80, 100)  # The points of the curves.


class ModelCodec:
    """A model of this package, as a `FaceCodec`."""

    def __init__(
        self, model: str, name: str, efforts: tuple[int, ...] = (0,), device: str = "cpu", quick: bool = False
    ):
        """Loads the model and runs it once, so that the first face is timed like all others.

        Args:
            model: a shipped model, or the path of a weights file.
            name: the model's name in the results.
            efforts: the efforts of the search; all of them are measured.
            device: as `load_model` takes it.
            quick: measures every third quality of the curve.

        Raises:
            WrongModel: there is no such model, or it is not usable.
        """
        self.name = name
        self._codec = load_model(model, device)
        spec, weights = self._codec.spec, self._codec.files.model
        # A model with one quality has nothing to search for.
        self.efforts = efforts if spec.fine_qualities > 1 else (0,)
        self.outputs = tuple(output for output in COMPARED if output in self._codec.outputs)
        self.series = tuple(Series(name, output, effort) for effort in self.efforts for output in self.outputs)
        # A model with fewer fine qualities has fewer points.
        distinct = {spec.fine_quality_of(quality): quality for quality in CURVE_QUALITIES}
        self.points = tuple(f"q{quality}" for quality in list(distinct.values())[:: 3 if quick else 1])
        self.settings = (
            f"weights {spec.name} {weights.fingerprint.hex()}, on {device}: outputs {', '.join(self.outputs)}, "
            f"effort {', '.join(map(str, self.efforts))}. Payload bytes: without the .grain header and checksum. "
            "Under a cap, the seconds include finding the quality that fits."
        )
        grey = np.full((spec.image_size, spec.image_size, 3), 128, np.uint8)
        data = self._codec.encode(grey, EncodeSettings(quality=0, effort=0))
        for output in self.outputs:
            self._codec.decode(data, DecodeSettings(output=output))

    def at_point(self, pixels: Pixels, point: str) -> list[Coded]:
        """See `FaceCodec`."""
        quality = int(point.removeprefix("q"))
        return self._coded(pixels, [EncodeSettings(quality=quality, effort=effort) for effort in self.efforts], point)

    def best_under(self, pixels: Pixels, max_bytes: int) -> list[Coded]:
        """See `FaceCodec`."""
        return self._coded(pixels, [EncodeSettings(max_bytes=max_bytes, effort=effort) for effort in self.efforts])

    def _coded(self, pixels: Pixels, choices: list[EncodeSettings], point: str = "") -> list[Coded]:
        """Encodes a face with each of the settings and decodes every file to each output."""
        found: list[Coded] = []
        for settings in choices:
            try:
                data, seconds = timed(partial(self._codec.encode, pixels, settings))
            except TooLarge:
                continue
            found += self._decoded(data, seconds, settings.effort, point)
        return found

    def _decoded(self, data: bytes, encode_seconds: float, effort: int, point: str) -> Iterator[Coded]:
        """Decodes a file to each of the outputs."""
        files = self._codec.files
        face, read_seconds = timed(partial(files.read, data))
        low_resolution = files.lr_image(face)
        for output in self.outputs:
            drawn, draw_seconds = timed(partial(self._codec.draw_file, face, output))
            yield Coded(
                series=Series(self.name, output, effort),
                data=data,
                pixels=drawn,
                setting=" ".join(filter(None, (point, f"fine quality {face.symbols.fine_quality}"))),
                payload_bytes=len(face.payload.data) if face.payload else None,
                low_resolution=low_resolution,
                encode_seconds=encode_seconds,
                decode_seconds=read_seconds + draw_seconds,
            )
