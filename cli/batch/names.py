"""How paths are shown in messages, and how outputs are named after inputs."""

import os
from pathlib import Path

import click

from grain_codec.errors import printable

STANDARD_STREAM = "-"  # The path that stands for standard input or standard output.


def shown(path: str, stream: str = STANDARD_STREAM) -> str:
    """A path in one line that is safe to print, whatever bytes its name consists of.

    Args:
        stream: what to call a standard stream.

    Example: a name with a line break in it -> "two\\nlines.jpg"
    """
    return stream if path == STANDARD_STREAM else printable(click.format_filename(path))


def encoded_name(name: str, suffix: str) -> str:
    """The file name of an encoded picture.

    Example: "face.jpg" with ".grain.png" -> "face.grain.png"
    """
    return Path(name).stem + suffix


def decoded_name(name: str) -> str:
    """The file name of a decoded picture.

    Example: "face.grain" -> "face.png", "face.grain.png" -> "face.png", "face.qr.png" -> "face.png"
    """
    for ending in (".grain.png", ".qr.png", ".grain"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)] + ".png"
    return Path(name).stem + ".png"


def numbered(target: str, number: int) -> str:
    """The path of a further output of one source, next to the first output, whose name ends in -1.

    Example: "out/photo-1.grain", 2 -> "out/photo-2.grain"
    """
    stem, suffix = os.path.splitext(target)
    return f"{stem.removesuffix('-1')}-{number}{suffix}"
