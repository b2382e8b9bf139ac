"""Where data comes from and where it goes: output names, what may be overwritten, files that appear whole or not."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from grain_codec.errors import GrainError

STANDARD_STREAM = "-"
MOST_INPUT_BYTES = 1 << 30


class UnusablePath(GrainError):
    """A path is not something that can be read or written here."""


class OutputExists(UnusablePath):
    """The output is there already and may not be overwritten."""


@dataclass(frozen=True)
class Job:
    """One conversion: `source` and `target` are paths as the user would write them, or "-" for a standard stream."""

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """What messages call the source."""
        return "stdin" if self.source == STANDARD_STREAM else click.format_filename(self.source)

    @property
    def target_name(self) -> str:
        """What messages call the target."""
        return "stdout" if self.target == STANDARD_STREAM else click.format_filename(self.target)


def plan_jobs(
    sources: Sequence[str], output: str | None, output_dir: str | None, rename: Callable[[str], str]
) -> list[Job]:
    """Pairs every source with its target, before anything is read or written.

    Args:
        sources: paths, or "-" for standard input.
        output: the target of the only source, or "-".
        output_dir: folder of all targets; without it a target lies next to its source.
        rename: gives the target's file name for a source's file name.

    Raises:
        click.UsageError: the options contradict each other, two jobs would write one file, a job would
            overwrite a source, or a standard stream that is needed is a terminal.
    """
    if output is not None and output_dir is not None:
        raise click.UsageError("-o names one file and -O a folder; give one of them.")
    if output is not None and len(sources) > 1:
        raise click.UsageError("-o takes one input; use -O DIR for several.")
    if list(sources).count(STANDARD_STREAM) > 1:
        raise click.UsageError("Standard input can be read only once.")
    jobs = [Job(source, output if output is not None else _target(source, output_dir, rename)) for source in sources]
    _refuse_collisions(jobs)
    _refuse_terminals(jobs)
    return jobs


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


def read_source(source: str) -> bytes:
    """All bytes of a file or of standard input.

    Raises:
        UnusablePath: the path is a folder, or a file far larger than any picture.
        OSError: the file cannot be read.
    """
    if source == STANDARD_STREAM:
        return sys.stdin.buffer.read()
    check_source(source)
    return Path(source).read_bytes()


def check_source(source: str) -> None:
    """Refuses what `read_source` would, without reading.

    Raises:
        UnusablePath: the path is a folder, or a file far larger than any picture.
        OSError: there is no such file.
    """
    if source == STANDARD_STREAM:
        return
    found = os.stat(source)
    if stat.S_ISDIR(found.st_mode):
        raise UnusablePath("is a folder; name the files in it")
    if found.st_size > MOST_INPUT_BYTES:
        raise UnusablePath(f"{found.st_size} bytes are more than any picture needs")


def check_target(target: str, force: bool) -> None:
    """Refuses a target that exists; devices and pipes hold nothing to lose and are let through.

    Raises:
        OutputExists: without `force`, when there is such a file.
    """
    if target != STANDARD_STREAM and not force and os.path.exists(target) and not is_stream(target):
        raise OutputExists(f"{click.format_filename(target)} exists; --force overwrites it")


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
        if is_stream(target):
            Path(target).write_bytes(data)
        else:
            # A link is followed: what it points to is replaced, not the link.
            _write_whole(os.path.realpath(target), data, force)
    except FileExistsError as error:
        raise OutputExists(f"{click.format_filename(target)} exists; --force overwrites it") from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error


def is_stream(path: str) -> bool:
    """Whether a path is a device, a pipe or a socket, which is written to and never replaced."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _target(source: str, output_dir: str | None, rename: Callable[[str], str]) -> str:
    """The target of a source that no -o names."""
    if source == STANDARD_STREAM:
        if output_dir is not None:
            raise click.UsageError("Standard input has no name to store under -O DIR; use -o FILE.")
        return STANDARD_STREAM
    folder = os.path.dirname(source) if output_dir is None else output_dir
    return os.path.join(folder, rename(Path(source).name))


def _refuse_collisions(jobs: list[Job]) -> None:
    """Refuses jobs of which one would destroy a source or another's result."""
    sources = {_identity(job.source) for job in jobs if job.source != STANDARD_STREAM}
    writers: dict[object, Job] = {}
    for job in jobs:
        if job.target == STANDARD_STREAM or is_stream(job.target):
            continue
        identity = _identity(job.target)
        if identity in sources:
            raise click.UsageError(f"{job.target_name} is an input and would be overwritten; name another output.")
        if identity in writers:
            both = f"{writers[identity].source_name} and {job.source_name}"
            raise click.UsageError(f"{both} would both be written to {job.target_name}.")
        writers[identity] = job


def _refuse_terminals(jobs: list[Job]) -> None:
    """Refuses to wait for a picture to be typed, and to print one."""
    if any(job.source == STANDARD_STREAM for job in jobs) and sys.stdin.buffer.isatty():
        raise click.UsageError("Standard input is a terminal; no picture can be read from it.")
    if any(job.target == STANDARD_STREAM for job in jobs) and sys.stdout.buffer.isatty():
        raise click.UsageError("Standard output is a terminal; binary data is not written to it.")


def _identity(path: str) -> object:
    """Equal for two paths of one file, hard links included."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.normcase(os.path.realpath(path))
    return found.st_dev, found.st_ino


def _write_whole(path: str, data: bytes, force: bool) -> None:
    """Writes beside the path, then moves into place; raises FileExistsError without `force`."""
    descriptor, temporary = tempfile.mkstemp(prefix=".grain-", suffix=".part", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        if force:
            os.replace(temporary, path)
        else:
            _move_to_free_name(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


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


def _umask() -> int:
    """The permissions that new files shall not have; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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
