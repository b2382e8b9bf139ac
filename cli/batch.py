"""What grain-encode and grain-decode share: their options, the model they load, the loop over files."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from grain_codec.cli.paths import Job, OutputExists, check_source, check_target, read_source, write_target
from grain_codec.errors import GrainError

if TYPE_CHECKING:
    from grain_codec.codec import Codec

DEFAULT_MODEL = "face-1024"
EXIT_FAILED = 1
EXIT_NOTHING_TO_DO = 3
EXIT_INTERRUPTED = 130


class ModelUnavailable(Exception):
    """The model cannot be loaded, so that no file can be converted."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch treats files and what it says; the fields are the options of `batch_options`."""

    force: bool = False
    dry_run: bool = False
    skip_existing: bool = False
    verbose: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        """Refuses options that contradict each other with click.UsageError."""
        if self.force and self.skip_existing:
            raise click.UsageError("--force and --skip-existing contradict each other.")
        if self.verbose and self.quiet:
            raise click.UsageError("--verbose and --quiet contradict each other.")


class LazyModel:
    """A model that is loaded when it is first asked for."""

    def __init__(self, name: str, device: str):
        self._name, self._device = name, device
        self._codec: Codec | None = None

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory already."""
        return self._codec is not None

    def codec(self) -> Codec:
        """The model's codec.

        Raises:
            ModelUnavailable: it cannot be loaded.
        """
        if self._codec is None:
            from grain_codec.codec import load_model

            try:
                self._codec = load_model(self._name, device=self._device)
            except (GrainError, OSError) as error:
                raise ModelUnavailable(f"{self._name}: {reason_of(error, self._name)}") from error
        return self._codec


class Batch:
    """Converts files one by one; what fails is named at once and does not stop the rest."""

    def __init__(self, program: str, convert: Callable[[bytes, str], bytes], options: BatchOptions):
        """`convert` makes the output's bytes from the input's bytes and name."""
        self._program, self._convert, self._options = program, convert, options

    def run(self, jobs: list[Job]) -> int:
        """Works through all jobs; the exit code: 0 all done, 1 some failed, 3 nothing to do."""
        counts = Counter(self._attempt(job) for job in jobs)
        if counts["failed"]:
            if len(jobs) > 1:
                click.echo(f"{self._program}: {counts['failed']} of {len(jobs)} files failed", err=True)
            return EXIT_FAILED
        return 0 if counts["done"] else EXIT_NOTHING_TO_DO

    def _attempt(self, job: Job) -> str:
        """Does one job: "done", "skipped" or "failed"."""
        try:
            self._do(job)
            return "done"
        except OutputExists as error:
            if self._options.skip_existing:
                self._say(f"{job.source_name}: skipped, {job.target_name} exists")
                return "skipped"
            complain(self._program, job.source_name, error)
        except (GrainError, OSError) as error:
            complain(self._program, job.source_name, error)
        return "failed"

    def _do(self, job: Job) -> None:
        """Converts one file; of a dry run only the checks are left."""
        started = time.perf_counter()
        check_target(job.target, self._options.force)
        if self._options.dry_run:
            check_source(job.source)
            self._say(f"{job.source_name} -> {job.target_name}")
            return
        converted = self._convert(read_source(job.source), job.source_name)
        write_target(job.target, converted, self._options.force)
        seconds = f", {time.perf_counter() - started:.2f} s" if self._options.verbose else ""
        self._say(f"{job.source_name} -> {job.target_name}, {len(converted)} bytes{seconds}")

    def _say(self, line: str) -> None:
        """A line for people; standard output is for data alone."""
        if not self._options.quiet:
            click.echo(line, err=True)


def run_and_exit(
    program: str,
    jobs: list[Job],
    output_dir: str | None,
    convert: Callable[[bytes, str], bytes],
    options: BatchOptions,
) -> None:
    """Makes the output folder, runs the batch and ends the process with its exit code."""
    if output_dir is not None and not options.dry_run:
        try:
            os.makedirs(output_dir, exist_ok=True)
        except OSError as error:
            complain(program, output_dir, error)
            sys.exit(EXIT_FAILED)
    sys.exit(Batch(program, convert, options).run(jobs))


@contextmanager
def orderly_exit(program: str) -> Iterator[None]:
    """Ends the process without a traceback on Ctrl-C and where no file can be converted; also a decorator."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except ModelUnavailable as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(EXIT_FAILED)


def complain(program: str, name: str, error: GrainError | OSError) -> None:
    """Says on standard error what went wrong with which file, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        name = click.format_filename(error.filename)
    click.echo(f"{program}: {name}: {reason_of(error, name)}", err=True)


def reason_of(error: GrainError | OSError, name: str) -> str:
    """An error's text without the name that it may begin with."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return text.removeprefix(f"{name}: ")


def _check_device(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuses device names of the wrong form; whether the device is there shows when it is used."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise click.BadParameter(f"{value!r} is not auto, cpu, cuda or cuda:N.")
    return value


def output_options(output_name: str) -> Callable[[Callable], Callable]:
    """The argument INPUT... and the options -o and -O; `output_name` is the long form of -o."""
    return _stacked(
        click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(allow_dash=True)),
        click.option(
            "-o",
            output_name,
            "output_file",
            metavar="FILE",
            type=click.Path(dir_okay=False, allow_dash=True),
            help="Write to this file; - is standard output.",
        ),
        click.option(
            "-O",
            "--output-dir",
            metavar="DIR",
            type=click.Path(file_okay=False),
            help="Write into this folder; it is made when missing.",
        ),
    )


def model_options(command: Callable) -> Callable:
    """The options that say which model runs where."""
    return _stacked(
        click.option("-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Name or weights file."),
        click.option(
            "--device", default="auto", show_default=True, callback=_check_device, help="auto, cpu, cuda or cuda:N."
        ),
    )(command)


def batch_options(command: Callable) -> Callable:
    """The options that become BatchOptions."""
    return _stacked(
        click.option("-f", "--force", is_flag=True, help="Overwrite existing files."),
        click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
        click.option("--skip-existing", is_flag=True, help="Pass over inputs whose output exists."),
        click.option("-v", "--verbose", is_flag=True, help="Say how long each file took."),
        click.option("--quiet", is_flag=True, help="Say nothing but errors."),
    )(command)


def _stacked(*decorators: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """One decorator for several, the first outermost."""

    def decorate(command: Callable) -> Callable:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
