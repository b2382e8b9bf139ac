"""Files that appear whole or not at all, and the removal of what killed writers left behind.

A file is written under a temporary name in its folder, then moved. The writer holds a lock on the temporary
file until it is moved, and the system frees the lock when the writer dies, however it dies. So a temporary file
that is not locked was abandoned and can be removed.
"""

import os
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]  # A module that is missing is None from here on.

PREFIX = ".grain-codec-"
SUFFIX = ".part"
UNLOCKABLE_AGE = 24 * 3600
"""Seconds after which a temporary file counts as abandoned where the file system has no locks."""


def write_whole(path: str | os.PathLike[str], data: bytes, force: bool) -> None:
    """Writes a file in one go; see `whole_file`."""
    with whole_file(path, force) as temporary, open(temporary, "wb") as file:
        file.write(data)


@contextmanager
def whole_file(path: str | os.PathLike[str], force: bool, durable: bool = False) -> Iterator[str]:
    """Gives the path of an empty temporary file, and moves what was written there to `path` at the end.

        with whole_file("state.pt", force=True, durable=True) as temporary:
            torch.save(state, temporary)

    Ctrl-C and requests to terminate wait until the `with` statement ends. After an error in it there is no new
    file, and an old one stays as it was. A file that replaces another takes over its permissions.

    Args:
        path: where the file will be; its folder must exist.
        force: whether it may replace a file.
        durable: waits until the disk has the content, so that a power cut leaves the old file or the new one.

    Raises:
        FileExistsError: there is such a file and `force` is not given.
        OSError: it cannot be written.
    """
    path = os.fspath(path)
    with _uninterrupted(), _temporary_in(os.path.dirname(path) or os.curdir) as temporary:
        yield temporary
        if durable:
            _wait_for_disk(temporary)
        os.chmod(temporary, _mode_for(path, force))
        if force:
            os.replace(temporary, path)
        else:
            _move_to_free_name(temporary, path)


def remove_abandoned(folder: str, before: float) -> int:
    """Removes temporary files whose writers died; how many.

    Args:
        folder: may be missing or unreadable, then there is nothing to do.
        before: time in seconds since the epoch; younger files are left alone.
    """
    removed = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    removed += _remove_if_abandoned(entry.path, before)
    return removed


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C and requests to terminate until the `with` statement ends.

    Their handlers raise exceptions, which would leave a temporary file behind if one came between the creation
    of the file and the `try` that removes it. Blocking the signals in this thread would not do: they would reach
    another thread, and Python runs all handlers in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for number in arrived:
            signal.raise_signal(number)


@contextmanager
def _temporary_in(folder: str) -> Iterator[str]:
    """Path of a new temporary file, which is locked where there are locks, and gone afterwards."""
    descriptor, temporary = _locked_temporary(folder)
    if fcntl is None:  # Windows moves no file that is open.
        os.close(descriptor)
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if fcntl is not None:
            os.close(descriptor)


def _locked_temporary(folder: str) -> tuple[int, str]:
    """A new file that no other process took for an abandoned one before it was locked."""
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
        if fcntl is None:
            return descriptor, temporary
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)


def _remove_if_abandoned(path: str, before: float) -> bool:
    """Removes a file that is old enough and that nobody has locked; whether it did."""
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before:
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        if _is_locked(descriptor, found.st_mtime):
            return False
        os.unlink(path)
        return True
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int, written: float) -> bool:
    """Tells whether a live process holds the file; guesses from the file's age where the system has no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return time.time() - written < UNLOCKABLE_AGE
    return False


def _wait_for_disk(path: str) -> None:
    """Returns when the disk has all of a file."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _move_to_free_name(temporary: str, path: str) -> None:
    """Moves a file to a name that must not exist; atomic wherever there are hard links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.replace(temporary, path)


def _mode_for(path: str, replaces: bool) -> int:
    """The permissions of a new file: those of the one that it replaces, or the usual ones."""
    if replaces:
        with suppress(FileNotFoundError):
            return os.stat(path).st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    """The permissions that new files shall not have; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
