"""Refuses runs in which a file would be written twice, or a source overwritten, before any work is done."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

import click

from grain_codec.cli.batch.files.outputs import is_stream
from grain_codec.cli.batch.files.urls import is_url
from grain_codec.cli.batch.job import Job
from grain_codec.cli.batch.names import STANDARD_STREAM
from grain_codec.whole_files import PREFIX, SUFFIX

Identity = tuple[int, int] | str
"""Device and inode of a file that exists, the full path of one that does not, or a URL."""


def ignores_case(folder: str) -> bool:
    """Tells whether a folder treats names that differ only in case as one file.

    For a folder that does not exist yet, the nearest one above it that does is asked.
    """
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        with tempfile.NamedTemporaryFile(prefix=PREFIX, suffix=SUFFIX, dir=folder) as probe:
            return os.path.exists(os.path.join(folder, os.path.basename(probe.name).upper()))
    except OSError:  # Outputs cannot be written there either.
        return False


def refuse_collisions(
    jobs: Iterable[Job], also_read: Sequence[str] = (), ignores_case: Callable[[str], bool] = ignores_case
) -> None:
    """Refuses jobs of which one would destroy a source, or the result of another.

    Args:
        jobs: can be gone through several times. To save memory, only hashes are kept of each, and files with equal
            hashes are compared once more.
        also_read: paths of further inputs, which belong to no single job.
        ignores_case: tells whether names in a folder that differ only in case are one file.

    Raises:
        click.UsageError: the text names the files.
    """
    sources = {hash(_identity(source)) for source in _inputs(jobs, also_read)}
    targets: set[int] = set()
    folded: set[int] = set()
    for position, job in enumerate(jobs):
        if job.target == STANDARD_STREAM or is_stream(job.target):
            continue
        identity = _identity(job.target)
        if hash(identity) in sources:
            _refuse_overwritten_source(_inputs(jobs, also_read), job, identity)
        if hash(identity) in targets:
            _refuse_second_writer(islice(jobs, position), job, identity, _identity)
        targets.add(hash(identity))
        if not isinstance(identity, str):
            continue
        if hash(identity.casefold()) in folded and ignores_case(os.path.dirname(identity)):
            _refuse_second_writer(islice(jobs, position), job, identity.casefold(), _folded)
        folded.add(hash(identity.casefold()))


def _inputs(jobs: Iterable[Job], also_read: Sequence[str]) -> Iterator[str]:
    """The paths of everything that is read."""
    yield from also_read
    yield from (job.source for job in jobs if job.source != STANDARD_STREAM)


def _refuse_overwritten_source(inputs: Iterable[str], job: Job, identity: Identity) -> None:
    """Refuses a target that is one of the inputs."""
    if any(_identity(source) == identity for source in inputs):
        raise click.UsageError(f"{job.target_name} is an input and would be overwritten; name another output.")


def _refuse_second_writer(
    earlier: Iterable[Job], job: Job, identity: Identity, identify: Callable[[str], Identity | None]
) -> None:
    """Refuses a target that an earlier job writes too."""
    for other in earlier:
        if other.target != STANDARD_STREAM and identify(other.target) == identity:
            both = f"{other.source_name} and {job.source_name}"
            raise click.UsageError(f"{both} would both be written to {job.target_name}.")


def _identity(path: str) -> Identity:
    """A key that is equal for two paths of the same file, hard links included."""
    if is_url(path):
        return path
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        if os.path.islink(path):
            return os.path.normcase(os.path.realpath(path))
        folder, name = os.path.split(path)
        return os.path.normcase(os.path.join(_real_folder(os.path.abspath(folder)), name))
    return found.st_dev, found.st_ino


def _folded(path: str) -> str | None:
    """The path of a file that does not exist, as a file system that ignores case compares it."""
    identity = _identity(path)
    return identity.casefold() if isinstance(identity, str) else None


@lru_cache(maxsize=64)
def _real_folder(folder: str) -> str:
    """The path of an absolute folder with its links resolved; jobs of one folder follow one another."""
    return os.path.realpath(folder)
