"""Single files in and out: what may be read, what may be overwritten, how outputs are named."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
from grain_codec.cli.batch import urls

from grain_codec.errors import GrainError, printable
from grain_codec.whole_files import write_whole

STANDARD_STREAM = "-"
MOST_INPUT_BYTES = 1 << 29
"""Bound on what is read of one input; an uncompressed picture of 100 million pixels has 300 MB."""

PIECE_BYTES = 1 << 20
"""What is read at once."""


class UnusablePath(GrainError):
    """A path is not something that can be read or written here."""


class OutputExists(UnusablePath):
    """The output is there already and may not be overwritten."""


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion: `source` and `target` are paths as the user would write them, or "-" for a standard stream."""

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """What messages call the source."""
        return "stdin" if self.source == STANDARD_STREAM else shown(self.source)

    @property
    def target_name(self) -> str:
        """What messages call the target."""
        return "stdout" if self.target == STANDARD_STREAM else shown(self.target)


def shown(path: str) -> str:
    """A path that is safe to print in one line, whatever bytes its name consists of.

    Example: a name with a line break in it -> "two\\nlines.jpg"
    """
    return printable(click.format_filename(path))


def encoded_name(name: str, suffix: str) -> str:
    """The file name of an encoded picture.

    Example: "face.jpg" with ".grain.png" -> "face.grain.png"
    """
    return Path(name).stem + suffix


def decoded_name(name: str) -> str:
    """The file name of a decoded picture.

    Example: "face.grain" -> "face.png", "face.grain.png" -> "face.png"
    """
    for ending in (".grain.png", ".grain"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)] + ".png"
    return Path(name).stem + ".png"


def numbered(target: str, number: int) -> str:
    """The path of a further output beside the first, whose name ends in -1.

    Example: "out/photo-1.grain", 2 -> "out/photo-2.grain"
    """
    stem, suffix = os.path.splitext(target)
    return f"{stem.removesuffix('-1')}-{number}{suffix}"


def read_source(source: str) -> bytes:
    """All bytes of a file, of a device or pipe, or of standard input.

    Raises:
        UnusablePath: the path is a folder, or there are far more bytes than a picture has.
        OSError: the file cannot be read.
    """
    if source == STANDARD_STREAM:
        return _read_bounded(sys.stdin.buffer)
    check_source(source)
    if urls.is_url(source):
        with urls.opened(source) as stream:
            return _read_bounded(stream)
    with open(source, "rb") as file:
        return _read_bounded(file)


def _read_bounded(stream: IO[bytes]) -> bytes:
    """All bytes of a stream, which may be one without an end."""
    # Asked for all at once, Python would allocate the bound.
    pieces, size = [], 0
    while piece := stream.read(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_INPUT_BYTES:
            raise UnusablePath(f"has more than {MOST_INPUT_BYTES} bytes, more than any picture needs")
    return b"".join(pieces)


def check_source(source: str) -> None:
    """Refuses what `read_source` would, without reading.

    Raises:
        UnusablePath: the path is a folder, or a file far larger than any picture.
        OSError: there is no such file.
    """
    if source == STANDARD_STREAM:
        return
    size = urls.size_of(source) if urls.is_url(source) else _size_of_file(source)
    if size is not None and size > MOST_INPUT_BYTES:
        raise UnusablePath(f"{size} bytes are more than any picture needs")


def check_target(target: str, force: bool) -> None:
    """Refuses a target that exists; devices and pipes hold nothing to lose and are let through.

    Raises:
        OutputExists: without `force`, when there is such a file.
        OSError: there cannot be a file of this name.
    """
    if target == STANDARD_STREAM:
        return
    if urls.is_url(target):
        if not force and urls.exists(target):
            raise OutputExists(f"{shown(target)} exists; --force overwrites it")
        return
    try:
        found = os.stat(target)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not force and not _leads_elsewhere(found.st_mode):
        raise OutputExists(f"{shown(target)} exists; --force overwrites it")


def write_target(target: str, data: bytes, force: bool) -> None:
    """Writes a file that is either complete or not there, or to standard output.

    Raises:
        OutputExists: the file exists, or came into being meanwhile, and `force` is not given.
        OSError: it cannot be written; the error's `filename` is the target.
    """
    if target == STANDARD_STREAM:
        _write_standard_output(data)
        return
    check_target(target, force)
    try:
        if urls.is_url(target):
            urls.write_url(target, data, force)
        elif is_stream(target):
            Path(target).write_bytes(data)
        else:
            # A link is followed: what it points to is replaced, not the link.
            write_whole(os.path.realpath(target), data, force)
    except FileExistsError as error:
        raise OutputExists(f"{shown(target)} exists; --force overwrites it") from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error


def times_of(source: str) -> tuple[int, int] | None:
    """When a source was last read and changed, in nanoseconds; None of standard input, devices and pipes."""
    if source == STANDARD_STREAM or is_stream(source):
        return None
    found = os.stat(source)
    return found.st_atime_ns, found.st_mtime_ns


def set_times(target: str, times: tuple[int, int]) -> None:
    """Gives a file that was written the times that `times_of` returned."""
    if target != STANDARD_STREAM and not is_stream(target):
        os.utime(target, ns=times)


def is_stream(path: str) -> bool:
    """Whether a path is a device, a pipe or a socket, which is written to and never replaced."""
    try:
        return _leads_elsewhere(os.stat(path).st_mode)
    except OSError:
        return False


def _size_of_file(path: str) -> int:
    """Bytes of a file, 0 for a pipe; refuses folders."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise UnusablePath("is a folder; name the files in it")
    return found.st_size


def _leads_elsewhere(mode: int) -> bool:
    """Whether a file's mode is that of a device, a pipe or a socket."""
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_standard_output(data: bytes) -> None:
    """Writes all of `data` now, so that a full disk or a reader who left is noticed here."""
    stream = sys.stdout.buffer
    try:
        stream.write(data)
        stream.flush()
    except OSError as error:
        # What is still buffered would raise again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise OSError(error.errno, error.strerror, "stdout") from error
