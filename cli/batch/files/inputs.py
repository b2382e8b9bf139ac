"""Reads sources: files, objects in a store, devices, pipes and standard input."""

import os
import stat
import sys
from typing import IO

import click

from grain_codec.cli.batch.files import urls
from grain_codec.cli.batch.names import STANDARD_STREAM
from grain_codec.errors import GrainError

MOST_INPUT_BYTES = 1 << 29
"""Most bytes that are read of one source; an uncompressed picture of 100 million pixels has 300 MB."""

PIECE_BYTES = 1 << 20  # Bytes that are asked for at once.


class UnusablePath(GrainError):
    """A path names something that cannot be read here."""


def read_source(source: str) -> bytes:
    """All bytes of a source.

    Raises:
        UnusablePath: the path is a folder, or there are far more bytes than a picture has.
        OSError: the source cannot be read.
    """
    if source == STANDARD_STREAM:
        return _read_bounded(sys.stdin.buffer)
    check_source(source)
    if urls.is_url(source):
        with urls.opened(source) as stream:
            return _read_bounded(stream)
    with open(source, "rb") as file:
        return _read_bounded(file)


def check_source(source: str) -> None:
    """Refuses what `read_source` would refuse, without reading.

    Raises:
        UnusablePath: the path is a folder, or a file that is far larger than any picture.
        OSError: there is no such file.
    """
    if source == STANDARD_STREAM:
        return
    size = urls.size_of(source) if urls.is_url(source) else _size_of_file(source)
    if size is not None and size > MOST_INPUT_BYTES:
        raise UnusablePath(f"{size} bytes are more than any picture needs")


def refuse_unusable_input() -> None:
    """Raises click.UsageError where standard input is closed or a terminal."""
    if sys.stdin is None:
        raise click.UsageError("Standard input is closed; nothing can be read from it.")
    if sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal; no file can be read from it.")


def _read_bounded(stream: IO[bytes]) -> bytes:
    """All bytes of a stream, which may be endless."""
    # Asked for MOST_INPUT_BYTES at once, Python would allocate that many.
    pieces, size = [], 0
    while piece := stream.read(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_INPUT_BYTES:
            raise UnusablePath(f"has more than {MOST_INPUT_BYTES} bytes, more than any picture needs")
    return b"".join(pieces)


def _size_of_file(path: str) -> int:
    """Bytes of a file, 0 of a pipe; refuses folders."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise UnusablePath("is a folder; name the files in it")
    return found.st_size
