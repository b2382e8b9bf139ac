"""How commands end: their exit codes, and orderly ends where an exception would print a traceback."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

EXIT_FAILED = 1
EXIT_NOTHING_TO_DO = 3
EXIT_INTERRUPTED = 130


class RunImpossible(Exception):
    """No file of the run can be converted, because something that every file needs is missing."""


@contextmanager
def orderly_exit(program: str) -> Iterator[None]:
    """Ends the process without a traceback on Ctrl-C, on a request to terminate, and on RunImpossible.

    Also a decorator.
    """
    try:
        with _termination_unwinds():
            yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except RunImpossible as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(EXIT_FAILED)


@contextmanager
def _termination_unwinds() -> Iterator[None]:
    """Lets a request to terminate, as `kill` and batch systems send it, remove temporary files as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
