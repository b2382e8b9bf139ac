"""Writes targets: files that are whole or not there, objects in a store, devices, pipes and standard output."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from grain_codec.cli.batch.files import urls
from grain_codec.cli.batch.names import STANDARD_STREAM, shown
from grain_codec.errors import GrainError
from grain_codec.whole_files import write_whole


class OutputExists(GrainError):
    """The output exists and may not be overwritten."""


@dataclass(frozen=True)
class FileTimes:
    """When a file was last read and last changed, in nanoseconds since the epoch."""

    read: int
    changed: int


def check_target(target: str, force: bool) -> None:
    """Refuses a target that exists; devices and pipes hold nothing to lose and are let through.

    Raises:
        OutputExists: there is such a file, and `force` is not given.
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
    if not force and not _is_stream_mode(found.st_mode):
        raise OutputExists(f"{shown(target)} exists; --force overwrites it")


def write_target(target: str, data: bytes, force: bool) -> None:
    """Writes a whole file or none, or to standard output.

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
            # A link is followed: the file that it points to is replaced, not the link.
            write_whole(os.path.realpath(target), data, force)
    except FileExistsError as error:
        raise OutputExists(f"{shown(target)} exists; --force overwrites it") from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error


def times_of(source: str) -> FileTimes | None:
    """The times of a source; None of standard input, devices and pipes."""
    if source == STANDARD_STREAM or is_stream(source):
        return None
    found = os.stat(source)
    return FileTimes(found.st_atime_ns, found.st_mtime_ns)


def set_times(target: str, times: FileTimes) -> None:
    """Gives a file that was written the times of its source."""
    if target != STANDARD_STREAM and not is_stream(target):
        os.utime(target, ns=(times.read, times.changed))


def is_stream(path: str) -> bool:
    """Tells whether a path is a device, a pipe or a socket, which is written to and never replaced."""
    try:
        return _is_stream_mode(os.stat(path).st_mode)
    except OSError:
        return False


def _is_stream_mode(mode: int) -> bool:
    """Tells whether a file's mode is that of a device, a pipe or a socket."""
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_standard_output(data: bytes) -> None:
    """Writes all bytes now, so that a full disk or a reader that has gone is noticed here."""
    stream = sys.stdout.buffer
    try:
        stream.write(data)
        stream.flush()
    except OSError as error:
        # The interpreter flushes again when it ends, and what is still buffered would raise the error once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise OSError(error.errno, error.strerror, "stdout") from error
