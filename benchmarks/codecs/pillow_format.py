"""A format of ordinary picture files, as Pillow or one of its plugins writes and reads it."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from PIL import Image

from grain_codec.benchmarks.codecs.prescaled import Trial
from grain_codec.benchmarks.packages import require


@dataclass(frozen=True)
class PillowFormat:
    """An `ImageFormat` that Pillow knows."""

    name: str  # As in the results.
    pillow_name: str  # What Pillow calls it.
    # Given whether the search is quick, tells in whole sentences of library, version, settings, and how payload bytes
    # are counted.
    describe: Callable[[bool], str]
    options: Callable[[Trial], dict[str, Any]]  # What Pillow's `save` is given for a trial.
    # Bytes of a file without its container, or None where that means nothing.
    payload_bytes: Callable[[bytes], int | None]
    modes: tuple[str, ...] = ("",)  # All of them are tried.
    qualities: range = range(101)  # From the smallest files to the largest.
    has_thorough: bool = False  # Whether the encoder can take more time over what the search has found.
    smallest_side: int = 1  # In pixels, that the encoder takes.
    # A trial's settings as the format's own tools name them.
    setting: Callable[[Trial], str] = lambda trial: " ".join(filter(None, (f"q{trial.quality}", trial.mode)))
    plugin: str = ""  # Module whose import brings the format to Pillow; empty where Pillow has it.
    plugin_needed: str = ""  # Sentence that says so where the module is missing.

    def prepare(self) -> None:
        """See `ImageFormat`."""
        if self.plugin:
            require(self.plugin_needed, "bench", self.plugin.partition(".")[0])
            import_module(self.plugin)

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `ImageFormat`."""
        stream = io.BytesIO()
        image.save(stream, self.pillow_name, **self.options(trial))
        return stream.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """See `ImageFormat`."""
        with Image.open(io.BytesIO(data)) as image:
            return image.convert("RGB")
