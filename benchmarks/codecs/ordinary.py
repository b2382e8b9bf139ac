"""The codecs that a user would pick instead: JPEG, WebP, AVIF, JPEG XL and JPEG 2000, as Pillow writes them.

Each is set to be as near as it can within the bytes, not to be fast. Of several forms of file the smallest that
usual readers open is counted: JPEG XL and JPEG 2000 as bare codestreams.
"""

from __future__ import annotations

import io
from importlib.metadata import version
from importlib.util import find_spec

from grain_codec.benchmarks.codecs.codec import PackageMissing
from grain_codec.benchmarks.codecs.containers import avif_payload_bytes, webp_payload_bytes
from grain_codec.benchmarks.codecs.prescaled import PrescaledCodec, Trial
from PIL import Image, features

JXL_PACKAGE = "pillow-jxl-plugin"
CHROMA_SAMPLINGS = ("4:2:0", "4:4:4")


class Jpeg(PrescaledCodec):
    """Baseline JPEG with Huffman tables made for the picture."""

    name = "jpeg"
    modes = CHROMA_SAMPLINGS
    qualities = range(1, 101)

    def describe(self) -> str:
        """See `PrescaledCodec`."""
        return (
            f"libjpeg-turbo {features.version('libjpeg_turbo') or features.version('jpg')}, {_pillow()}: optimised "
            "Huffman tables, 4:2:0 and 4:4:4, no progression (it makes small files larger). "
            "Payload bytes: not given, since the tables are part of the coding."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `PrescaledCodec`."""
        return _saved(image, "JPEG", quality=trial.quality, subsampling=trial.mode, optimize=True)

    def payload_bytes(self, data: bytes) -> int | None:
        """See `PrescaledCodec`."""
        return None


class WebP(PrescaledCodec):
    """Lossy WebP."""

    name = "webp"

    def describe(self) -> str:
        """See `PrescaledCodec`."""
        return (
            f"libwebp {features.version('webp')}, {_pillow()}: lossy, method 6. "
            "Payload bytes: without the RIFF header and the chunks' heads."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `PrescaledCodec`."""
        return _saved(image, "WEBP", quality=trial.quality, method=6)

    def payload_bytes(self, data: bytes) -> int | None:
        """See `PrescaledCodec`."""
        return webp_payload_bytes(data)


class Avif(PrescaledCodec):
    """AV1 still pictures."""

    name = "avif"
    modes = CHROMA_SAMPLINGS
    has_thorough = True
    draft_speed, thorough_speed = 9, 3

    def describe(self) -> str:
        """See `PrescaledCodec`."""
        then = "" if self.quick else f", then speed {self.thorough_speed} for the best two"
        return (
            f"libavif {features.version('avif')}, {_pillow()}: 4:2:0 and 4:4:4, tuned for PSNR, "
            f"speed {self.draft_speed} in the search{then}. Payload bytes: those of the mdat box."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `PrescaledCodec`."""
        speed = self.thorough_speed if trial.thorough else self.draft_speed
        options = {"quality": trial.quality, "subsampling": trial.mode, "advanced": {"tune": "psnr"}}
        return _saved(image, "AVIF", speed=speed, max_threads=1, **options)

    def payload_bytes(self, data: bytes) -> int | None:
        """See `PrescaledCodec`."""
        return avif_payload_bytes(data)


class JpegXl(PrescaledCodec):
    """JPEG XL, lossy, through the plugin of the `bench` extra."""

    name = "jpegxl"
    qualities = range(100)
    has_thorough = True
    draft_effort, thorough_effort = 3, 7

    def __init__(self, rungs: tuple[int, ...] = (), quick: bool = False):
        """Raises PackageMissing without the plugin."""
        if find_spec("pillow_jxl") is None:
            raise PackageMissing(f'JPEG XL needs {JXL_PACKAGE}: pip install "grain-codec[bench]"')
        import pillow_jxl  # noqa: F401  (registers the format with Pillow)

        super().__init__(rungs, quick)

    def describe(self) -> str:
        """See `PrescaledCodec`."""
        then = "" if self.quick else f", then effort {self.thorough_effort} for the best two"
        return (
            f"{JXL_PACKAGE} {version(JXL_PACKAGE)}, {_pillow()}: lossy, effort {self.draft_effort} in the "
            f"search{then}. The file is the bare codestream, so payload bytes are all bytes."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `PrescaledCodec`."""
        effort = self.thorough_effort if trial.thorough else self.draft_effort
        return _saved(image, "JXL", quality=trial.quality, effort=effort, num_threads=1)

    def payload_bytes(self, data: bytes) -> int | None:
        """See `PrescaledCodec`."""
        return len(data)


class Jpeg2000(PrescaledCodec):
    """JPEG 2000 with the irreversible wavelet; its quality is a compression ratio."""

    name = "jpeg2000"
    qualities = range(201)
    coarsest_ratio = 1000.0

    def describe(self) -> str:
        """See `PrescaledCodec`."""
        return (
            f"OpenJPEG {features.version('jpg_2000')}, {_pillow()}: irreversible 9/7 wavelet and colour transform, "
            "one layer, ratios from 1000:1 to 1:1. The file is the bare codestream (.j2k), which is smaller than .jp2, "
            "so payload bytes are all bytes."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `PrescaledCodec`."""
        ratio = self._ratio(trial)
        options = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True, "mct": 1}
        return _saved(image, "JPEG2000", no_jp2=True, **options)

    def setting_of(self, trial: Trial) -> str:
        """See `PrescaledCodec`."""
        return f"{self._ratio(trial):.4g}:1"

    def payload_bytes(self, data: bytes) -> int | None:
        """See `PrescaledCodec`."""
        return len(data)

    def _ratio(self, trial: Trial) -> float:
        return self.coarsest_ratio ** (1 - trial.quality / self.qualities[-1])


ORDINARY_CODECS: dict[str, type[PrescaledCodec]] = {codec.name: codec for codec in (Jpeg, WebP, Avif, JpegXl, Jpeg2000)}


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    """The picture's file."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def _pillow() -> str:
    return f"Pillow {version('pillow')}"
