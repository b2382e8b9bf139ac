"""The settings of users: defaults, choices, and the objects that carry settings from the command line to the encoder.

This module imports neither torch nor numpy, so that every `--help` answers at once.
"""

from dataclasses import dataclass

DEFAULT_MODEL = "face-1024"
DEFAULT_QUALITY = 30
MOST_QUALITY = 100
DEFAULT_EFFORT = 3
MOST_EFFORT = 9
CARRIERS = ("grain", "png")
ALIGNMENTS = ("auto", "always", "never")  # Whether a face is cut out of its picture; auto leaves aligned ones alone.
DEFAULT_ALIGNMENT = "auto"
MOST_QR_VERSION = 40  # The largest QR code; `formats.qr_carrier` puts .grain files into them.
OUTPUTS = ("fused", "rescaled", "prior")  # The pictures that a model may be able to draw, the best first.

PRECISIONS = ("auto", "float32", "bfloat16")
ENGINES = ("auto", "torch", "onnx")  # What draws faces.


@dataclass(frozen=True)
class Chunk:
    """Metadata that travel with a face: a tag from 0 to 255, see `formats.container`, and any bytes."""

    tag: int
    content: bytes

    @property
    def critical(self) -> bool:
        """Tells whether a reader that does not know the tag must refuse the file."""
        return bool(self.tag & 1)


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """The choice of a model and of what computes it. Raises ValueError for an unknown precision or engine."""

    name: str = DEFAULT_MODEL  # A model that is shipped or in the user's folder, or the path of a weights file.
    device: str = "auto"  # "auto" takes a GPU when there is one; otherwise what torch calls the device.
    # The type that networks compute in, one of PRECISIONS; "auto" is float32 on a CPU and up to the model on a GPU.
    precision: str = "auto"
    # What draws faces, one of ENGINES; "auto" is ONNX Runtime on a CPU, where it is installed. Only torch encodes.
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(PRECISIONS)}")
        if self.engine not in ENGINES:
            raise ValueError(f"engine {self.engine!r} is none of {', '.join(ENGINES)}")


@dataclass(frozen=True, kw_only=True)
class EncodeSettings:
    """The settings for encoding one face. Raises ValueError for a setting that is out of range.

    A model of the published kind has one quality and nothing to search for, so `quality` and `effort` change nothing
    there.
    """

    quality: int = DEFAULT_QUALITY  # 0 (smallest) to MOST_QUALITY; ignored with `max_bytes`.
    max_bytes: int | None = None  # The best quality whose whole file is at most this long.
    effort: int = DEFAULT_EFFORT  # 0 is one pass; 1 to MOST_EFFORT search for a nearer face in no more bytes.
    carrier: str = "grain"  # "grain", or "png" for the 16x16 PNG.
    chunks: tuple[Chunk, ...] = ()  # Metadata that travel along; `max_bytes` counts them too.

    def __post_init__(self) -> None:
        if self.carrier not in CARRIERS:
            raise ValueError(f"carrier {self.carrier!r} is none of {', '.join(CARRIERS)}")
        if not 0 <= self.quality <= MOST_QUALITY:
            raise ValueError(f"quality {self.quality} is outside 0..{MOST_QUALITY}")
        if not 0 <= self.effort <= MOST_EFFORT:
            raise ValueError(f"effort {self.effort} is outside 0..{MOST_EFFORT}")


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """The settings for decoding one file."""

    output: str | None = None  # One of OUTPUTS that the model can draw; None means the first.
    fine_quality: int | None = None  # For a PNG carrier that has lost its private chunk; ignored otherwise.
