"""The FFmpeg program that the package imageio-ffmpeg brings, run without a shell and without files."""

import subprocess
from collections.abc import Sequence
from functools import cache

from grain_codec.benchmarks.packages import PackageMissing, require
from grain_codec.errors import GrainError

SECONDS = 300  # One picture may take so long; then the program is ended.


class FFmpegFailed(GrainError):
    """FFmpeg did not do what it was asked for; the text names the codec and what FFmpeg said first."""


def require_ffmpeg(codec: str, encoder: str, decoder: str) -> None:
    """Refuses to go on without an FFmpeg that can write and read a codec.

    Args:
        codec: what needs it, as the beginning of a sentence.
        encoder, decoder: as FFmpeg lists them.

    Raises:
        PackageMissing: there is no FFmpeg, or it was built without one of them.
    """
    require(f"{codec} needs one more package", "bench", "imageio_ffmpeg")
    program = ffmpeg_program(codec)
    for kind, name in (("encoders", encoder), ("decoders", decoder)):
        if name not in _listed(program, kind):
            reason = f"{codec} needs an FFmpeg with the {kind.removesuffix('s')} {name}, which {program} has not"
            raise PackageMissing(f"{reason}: pip install --upgrade imageio-ffmpeg, without IMAGEIO_FFMPEG_EXE")


def ffmpeg_program(codec: str) -> str:
    """The path of the FFmpeg that imageio-ffmpeg brings, or of the one that IMAGEIO_FFMPEG_EXE names.

    Raises:
        PackageMissing: there is none.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise PackageMissing(f"{codec} needs FFmpeg, and imageio-ffmpeg has none for this system") from error


def ffmpeg_version(codec: str) -> str:
    """The version that the program names, such as `7.1`."""
    words = _run(codec, ["-version"], b"").decode("utf-8", "replace").split()
    return words[words.index("version") + 1] if "version" in words else "of unknown version"


def run_ffmpeg(codec: str, arguments: Sequence[str], data: bytes) -> bytes:
    """Runs FFmpeg on `data`, which it reads from `pipe:0`, and returns the bytes that it writes to `pipe:1`.

    Raises:
        FFmpegFailed: it ended with an error, wrote nothing, could not be started or took too long.
    """
    found = _run(codec, ["-hide_banner", "-loglevel", "error", *arguments], data)
    if not found:
        raise FFmpegFailed(f"{codec}: ffmpeg wrote nothing")
    return found


def _run(codec: str, arguments: Sequence[str], data: bytes) -> bytes:
    try:
        call = [ffmpeg_program(codec), *arguments]
        done = subprocess.run(call, input=data, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise FFmpegFailed(f"{codec}: ffmpeg was ended after {SECONDS} seconds") from error
    except OSError as error:
        raise FFmpegFailed(f"{codec}: ffmpeg cannot be started: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FFmpegFailed(f"{codec}: ffmpeg failed: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout


@cache
def _listed(program: str, kind: str) -> frozenset[str]:
    """Names of the encoders or decoders of a program; none where it cannot be run."""
    try:
        done = subprocess.run([program, "-hide_banner", f"-{kind}"], capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    # Each line has flags, the name, and a description.
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return frozenset(words[1] for line in lines if len(words := line.split()) > 1)
