"""How near encoded faces come to their photographs, and the limits that a user sets for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grain_codec.errors import GrainError
from grain_codec.settings import DecodeSettings

if TYPE_CHECKING:
    from grain_codec.codec import Codec, Pixels

Figures = dict[str, float]  # "psnr" in dB, and "identity", the distance of dlib's face recogniser; those measured.


class NotNearEnough(GrainError):
    """A face came out worse than the user allows."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Which figures are measured of each encoded face, and within which limits."""

    psnr: bool = False  # Of `rescaled`, which takes a few hundredths of a second.
    identity: bool = False  # Of the model's first picture, which takes a second or more; needs the extra `identity`.
    least_psnr: float | None = None
    most_distance: float | None = None

    def of(self, codec: Codec, pixels: Pixels, file: bytes) -> Figures:
        """The figures of a file of a face uint8 `[S, S, 3]`; raises NotNearEnough where one is beyond its limit."""
        figures: Figures = {}
        if self.psnr:
            from grain_codec.benchmarks.metrics.psnr import psnr

            figures["psnr"] = psnr(codec.decode(file, DecodeSettings(output="rescaled")), pixels)
            if self.least_psnr is not None and figures["psnr"] < self.least_psnr:
                raise NotNearEnough(
                    f"the PSNR of {figures['psnr']:.2f} dB is below the {self.least_psnr:g} dB asked for"
                )
        if self.identity:
            from grain_codec.benchmarks.metrics.identity import OriginalFace

            figures["identity"] = distance = OriginalFace(pixels).distance(codec.decode(file))
            if self.most_distance is not None and distance > self.most_distance:
                raise NotNearEnough(
                    f"the identity distance of {distance:.3f} is above the {self.most_distance:g} allowed"
                )
        return figures
