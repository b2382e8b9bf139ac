"""What no input may cause: long computation, much memory, opened files, started programs, errors other than ours."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grain_codec.errors import GrainError

MOST_SECONDS = 2.0
"""Of processor time, for one input."""

MOST_RESIDENT_BYTES = 1 << 30
"""Of the whole process, interpreter, numpy and Pillow included."""

MOST_GROWTH_BYTES = 1 << 27
"""What an input may add to a process that was large before it, as after other tests."""

FORBIDDEN_EVENTS = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.remove", "os.rename"})
FORBIDDEN_PREFIXES = ("subprocess.", "socket.", "urllib.", "shutil.")

IMPORTED_SUFFIXES = (".py", ".pyc", ".so")
"""Files that Python itself opens when the code imports a module."""

_named: set[str] | None = None
"""Paths that may be opened at the moment; None where there is no limit."""

_violations: list[str] = []
"""Forbidden actions so far. They are raised at the end, because the code under test could catch an earlier error."""


class OutOfBounds(Exception):
    """An input caused what none may cause."""


@contextmanager
def within_bounds(*named: Path, seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Ignores our own errors, and raises `OutOfBounds` for everything that no input may cause.

    Args:
        named: files that may be opened.
        seconds: of processor time.
    """
    global _named
    _violations.clear()
    _named, started = {str(path) for path in named}, time.process_time()
    most_bytes = max(MOST_RESIDENT_BYTES, resident_bytes() + MOST_GROWTH_BYTES)
    try:
        yield
    except GrainError:
        pass
    finally:
        _named = None
    taken = time.process_time() - started
    if _violations:
        raise OutOfBounds("; ".join(_violations))
    if taken > seconds:
        raise OutOfBounds(f"took {taken:.1f} s")
    if resident_bytes() > most_bytes:
        raise OutOfBounds(f"took {resident_bytes() >> 20} MiB")


def resident_bytes() -> int:
    """The most memory in bytes that this process has held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook that notes forbidden actions."""
    if _named is None:
        return
    if event == "open" and isinstance(arguments[0], str | bytes) and not _is_allowed(str(arguments[0])):
        _violations.append(f"opens {arguments[0]!r}")
    elif event in FORBIDDEN_EVENTS or event.startswith(FORBIDDEN_PREFIXES):
        _violations.append(f"does {event} {arguments!r}")


def _is_allowed(path: str) -> bool:
    """Whether a file was named, or looks like a module that is being imported."""
    return path.endswith(IMPORTED_SUFFIXES) or (_named is not None and path in _named)


sys.addaudithook(_record)
