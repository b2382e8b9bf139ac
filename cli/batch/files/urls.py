"""Inputs and outputs that are objects in a store, such as s3://bucket/face.grain, through fsspec."""

from __future__ import annotations

import errno
import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from grain_codec.cli.batch.files.folders import Listing
from grain_codec.cli.exits import RunImpossible
from grain_codec.errors import GrainError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def is_url(path: str) -> bool:
    """Tells whether a path names an object in a store rather than a file of this machine."""
    return re.match(r"[a-z][a-z0-9+.-]+://", path) is not None


def without_file_scheme(path: str) -> str:
    """A URL of a local file as the path that it stands for.

    Example: "file:///tmp/face.grain" -> "/tmp/face.grain"
    """
    return path.removeprefix("file://") if path.startswith("file:///") else path


def is_folder(url: str) -> bool:
    """Tells whether there are objects below a URL; raises RunImpossible where the store cannot be reached."""
    with _run_ending(), _opened_store(url) as (store, path):
        return bool(store.isdir(path))


def walk_url(root: str, accepts: Callable[[str], bool]) -> Iterator[Listing]:
    """Yields the same as `folders.walk`, for a URL; raises RunImpossible where the store cannot be reached."""
    with _run_ending(), _opened_store(root) as (store, path):
        root = root.rstrip("/")
        for folder, _, names in store.walk(path):
            below = posixpath.relpath(folder, path) if folder.strip("/") != path.strip("/") else ""
            taken = tuple(sorted(filter(accepts, names)))
            yield Listing(posixpath.join(root, below) if below else root, below, taken, len(names) - len(taken))


def size_of(url: str) -> int | None:
    """Size of an object in bytes, None where the store does not tell; raises OSError."""
    with _opened_store(url) as (store, path):
        size: int | None = store.info(path)["size"]
        return size


@contextmanager
def opened(url: str) -> Iterator[IO[bytes]]:
    """An object to read from; raises OSError."""
    with _opened_store(url) as (store, path), store.open(path, "rb") as stream:
        yield stream


def exists(url: str) -> bool:
    """Tells whether the object exists; raises OSError."""
    with _opened_store(url) as (store, path):
        return bool(store.exists(path))


def write_url(url: str, data: bytes, force: bool) -> None:
    """Stores an object in one request, so that it is there as a whole or not at all.

    Raises:
        FileExistsError: the object exists and `force` is not given.
        OSError: it cannot be written.
    """
    with _opened_store(url) as (store, path):
        store.pipe_file(path, data, mode="overwrite" if force else "create")


@contextmanager
def _opened_store(url: str) -> Iterator[tuple[AbstractFileSystem, str]]:
    """The file system of a URL and the path in it, for a `with` statement that turns errors of stores into OSError.

    These have the URL as their `filename`, and a reason.
    """
    try:
        yield _store(url)
    except (RunImpossible, GrainError, FileExistsError):
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), url) from error
    except Exception as error:  # Stores raise exceptions of their own libraries.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", url) from error


@contextmanager
def _run_ending() -> Iterator[None]:
    """Turns OSError into RunImpossible."""
    try:
        yield
    except OSError as error:
        raise RunImpossible(f"{error.filename}: {error.strerror}") from error


def _store(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL and the path in it.

    Raises:
        RunImpossible: the packages for such URLs are missing.
    """
    try:
        from fsspec.core import url_to_fs

        store, path = url_to_fs(url)
        return store, path
    except ImportError as error:
        missing = getattr(error.__cause__ or error, "name", None) or "fsspec"
        raise RunImpossible(f"{url}: such URLs need {missing}: pip install {missing}") from error
    except ValueError as error:
        raise RunImpossible(f"{url}: {error}") from error
