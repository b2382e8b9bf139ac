"""Stills of H.266/VVC, the newest of the standards' video codecs, by libvvenc in FFmpeg.

The settings are those that brought training faces nearest, in PSNR of RGB samples at full size under caps of 200 to 484
bytes. On one core a picture of 96 px takes 0.1 seconds with the preset `medium`, 0.2 with `slow` and 0.8 with `slower`
(192 px: 0.2, 0.35 and 1.1); FFmpeg's start is part of it. `slow` is nearer than `medium` by 0.01 to 0.08 dB. `slower`
is farther by 0.4 to 1.6 dB, since it makes files of these sizes larger. Full range and chroma quantised finer by 4
gain 0.2 to 0.5 dB over BT.709 with limited range and FFmpeg's usual filters. libvvenc in FFmpeg takes 4:2:0 with 10
bits and nothing else. A search at four caps encodes about 100 pictures of a face, in 26 to 31 seconds of one core.
"""

import io
from functools import cache
from importlib.metadata import version

from PIL import Image

from grain_codec.benchmarks.codecs.ffmpeg import ffmpeg_version, require_ffmpeg, run_ffmpeg
from grain_codec.benchmarks.codecs.prescaled import Trial
from grain_codec.benchmarks.codecs.vvc_stream import (
    HEAD,
    SLICE,
    parameter_sets,
    side_of,
    unit_type,
    units,
    with_parameter_sets,
    without_parameter_sets,
)

COARSEST, FINEST = 63, 20  # Quantisers, QP; qualities count from the coarsest.

PRESET = "slow"
ENCODER = {
    # One intra picture, without the units and fields that a still can do without.
    "gopsize": 1,
    "intraperiod": 1,
    "accessunitdelimiter": 0,
    "vuiparameterspresent": 0,
    # RGB samples are nearest when chroma is quantised finer than libvvenc's default has it.
    "cbqpoffset": -4,
    "crqpoffset": -4,
}
TO_YCBCR = "scale=out_color_matrix=bt601:out_range=pc:flags=lanczos+accurate_rnd+full_chroma_inp"
TO_RGB = "scale=in_color_matrix=bt601:in_range=pc:flags=lanczos+accurate_rnd+full_chroma_int"
"""Filters of FFmpeg; a stream does not name its colours, they are agreed on."""


class Vvc:
    """Whole streams, as they lie on disk; an `ImageFormat`."""

    name = "vvc"
    modes = ("",)
    qualities = range(COARSEST - FINEST + 1)
    has_thorough = False
    # At 16 px libvvenc fails with the finest quantiser.
    smallest_side = 24

    def prepare(self) -> None:
        """See `ImageFormat`."""
        require_ffmpeg("VVC", "libvvenc", "vvc")

    def describe(self, quick: bool) -> str:
        """See `ImageFormat`."""
        return f"{self._encoder()} The file is the stream (.266). Payload bytes: those of the slice."

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `ImageFormat`."""
        return vvc_stream(image, COARSEST - trial.quality)

    def decode(self, data: bytes) -> Image.Image:
        """See `ImageFormat`."""
        return vvc_picture(data)

    def payload_bytes(self, data: bytes) -> int | None:
        """See `ImageFormat`."""
        return sum(len(unit) for unit in units(data) if unit_type(unit) == SLICE)

    def setting(self, trial: Trial) -> str:
        """See `ImageFormat`."""
        return f"QP {COARSEST - trial.quality}"

    def _encoder(self) -> str:
        return (
            f"libvvenc in FFmpeg {ffmpeg_version('VVC')}, imageio-ffmpeg {version('imageio-ffmpeg')}: "
            f"preset {PRESET}, 10 bits, 4:2:0, not tuned for perception, QP {FINEST} to {COARSEST}."
        )


class VvcImplied(Vvc):
    """The same streams without what all stills of their size share; an `ImageFormat`."""

    name = "vvc-implied"

    def describe(self, quick: bool) -> str:
        """See `ImageFormat`."""
        return (
            f"{self._encoder()} The file is what `vvc` writes without SPS, PPS, unit headers and start codes, and with "
            "four bytes for side and length; the reader has the rest from a grey picture of that side. "
            "Payload bytes: without the four."
        )

    def encode(self, image: Image.Image, trial: Trial) -> bytes:
        """See `ImageFormat`."""
        side = image.width
        return without_parameter_sets(super().encode(image, trial), side, agreed_sets(side))

    def decode(self, data: bytes) -> Image.Image:
        """See `ImageFormat`."""
        return super().decode(with_parameter_sets(data, agreed_sets(side_of(data))))

    def payload_bytes(self, data: bytes) -> int | None:
        """See `ImageFormat`."""
        return len(data) - HEAD.size


@cache
def agreed_sets(side: int) -> tuple[bytes, ...]:
    """The parameter sets of all stills of a size: those of a grey one."""
    return parameter_sets(vvc_stream(Image.new("RGB", (side, side), (128, 128, 128)), COARSEST))


def vvc_stream(image: Image.Image, quantiser: int) -> bytes:
    """The stream of a picture with sides that are multiples of 8, by one thread."""
    size = f"{image.width}x{image.height}"
    source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", size, "-i", "pipe:0", "-frames:v", "1"]
    coder = ["-c:v", "libvvenc", "-threads", "1", "-preset", PRESET, "-qp", str(quantiser), "-qpa", "0"]
    coder += ["-vvenc-params", ":".join(f"{name}={value}" for name, value in ENCODER.items())]
    call = [*source, "-vf", TO_YCBCR, "-pix_fmt", "yuv420p10le", *coder, "-f", "vvc", "pipe:1"]
    return run_ffmpeg("VVC", call, image.tobytes())


def vvc_picture(stream: bytes) -> Image.Image:
    """The RGB picture of a stream."""
    source = ["-threads", "1", "-f", "vvc", "-i", "pipe:0", "-frames:v", "1"]
    call = [*source, "-vf", TO_RGB, "-pix_fmt", "rgb24", "-c:v", "png", "-f", "image2pipe", "pipe:1"]
    return Image.open(io.BytesIO(run_ffmpeg("VVC", call, stream)))
