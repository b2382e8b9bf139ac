"""A format of ordinary picture files, as Pillow or one of its plugins writes and reads it."""

from __future__ import annotations

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
    """An `ImageFormat` that Pillow knows.

    Attributes:
        name: as in the results.
        pillow_name: what Pillow calls it.
        describe: given whether the search is quick, tells in whole sentences of library, version, settings, and how
            payload bytes are counted.
        options: what Pillow's `save` is given for a trial.
        payload_bytes: bytes of a file without its container, or None where that means nothing.
        modes: all of them are tried.
        qualities: from the smallest files to the largest.
        has_thorough: whether the encoder can take more time over what the search has found.
        smallest_side: in pixels, that the encoder takes.
        setting: a trial's settings as the format's own tools name them.
        plugin: module whose import brings the format to Pillow; empty where Pillow has it.
        plugin_needed: sentence that says so where the module is missing.
    """

    name: str
    pillow_name: str
    describe: Callable[[bool], str]
    options: Callable[[Trial], dict[str, Any]]
    payload_bytes: Callable[[bytes], int | None]
    modes: tuple[str, ...] = ("",)
    qualities: range = range(101)
    has_thorough: bool = False
    smallest_side: int = 1
    setting: Callable[[Trial], str] = lambda trial: " ".join(filter(None, (f"q{trial.quality}", trial.mode)))
    plugin: str = ""
    plugin_needed: str = ""

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
