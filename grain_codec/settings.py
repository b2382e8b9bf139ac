"""What a user can choose: defaults, choices, and the settings that travel from the command line to the encoder.

This module imports neither torch nor numpy, so that every `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grain_codec.formats.container import Chunk

DEFAULT_MODEL = "face-1024"
DEFAULT_QUALITY = 5
MOST_QUALITY = 8
DEFAULT_EFFORT = 0
MOST_EFFORT = 9
CARRIERS = ("grain", "png")
OUTPUTS = ("fused", "rescaled", "prior")
"""The pictures that a model may be able to draw, the best first."""

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model runs where.

    Attributes:
        name: a model that is shipped or in the user's folder, or the path of a weights file.
        device: "auto" takes a GPU when there is one; otherwise what torch calls the device.
        precision: what networks compute in, one of PRECISIONS; "auto" is float32 on a CPU, and on a GPU what suits
            the model.

    Raises:
        ValueError: there is no such precision.
    """

    name: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(PRECISIONS)}")


@dataclass(frozen=True, kw_only=True)
class EncodeSettings:
    """What is asked of the file of one face.

    A model of the published kind has one quality and nothing to search for: with it, `quality` and `effort` change
    nothing.

    Attributes:
        quality: 1 (smallest) to MOST_QUALITY; ignored with `max_bytes`.
        max_bytes: the best quality whose whole file is at most this long.
        effort: 0 is one pass; 1 to MOST_EFFORT search for a nearer face in no more bytes.
        carrier: "grain", or "png" for the 16x16 PNG.
        chunks: metadata that travel along; `max_bytes` counts them too.

    Raises:
        ValueError: a setting is out of range.
    """

    quality: int = DEFAULT_QUALITY
    max_bytes: int | None = None
    effort: int = DEFAULT_EFFORT
    carrier: str = "grain"
    chunks: tuple[Chunk, ...] = ()

    def __post_init__(self) -> None:
        if self.carrier not in CARRIERS:
            raise ValueError(f"carrier {self.carrier!r} is none of {', '.join(CARRIERS)}")
        if not 1 <= self.quality <= MOST_QUALITY:
            raise ValueError(f"quality {self.quality} is outside 1..{MOST_QUALITY}")
        if not 0 <= self.effort <= MOST_EFFORT:
            raise ValueError(f"effort {self.effort} is outside 0..{MOST_EFFORT}")


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """What is asked of the picture of one file.

    Attributes:
        output: one of OUTPUTS that the model can draw; None means the first.
        fine_quality: of a PNG carrier that has lost its private chunk; ignored otherwise.
    """

    output: str | None = None
    fine_quality: int | None = None
