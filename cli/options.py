"""The options that grain-encode and grain-decode share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import click

from grain_codec.settings import DEFAULT_MODEL

Command = Callable[..., Any]
Jobs = int | Literal["all"]  # A number of processes, or one for each CPU core.


@dataclass(frozen=True)
class BatchOptions:
    """How a batch treats files and what it says; the fields are the options of `batch_options`, and -r."""

    recursive: bool = False
    jobs: Jobs | None = None  # None means what suits the engine.
    force: bool = False
    dry_run: bool = False
    skip_existing: bool = False
    verbose: bool = False
    quiet: bool = False
    as_json: bool = False
    preserve: bool = False
    engine: str = "local"

    def __post_init__(self) -> None:
        """Refuses options that contradict each other with click.UsageError."""
        if self.force and self.skip_existing:
            raise click.UsageError("--force and --skip-existing contradict each other.")
        if self.verbose and self.quiet:
            raise click.UsageError("--verbose and --quiet contradict each other.")


def output_options(output_name: str) -> Callable[[Command], Command]:
    """The argument INPUT... and the options -o, -O and -r; `output_name` is the long form of -o."""
    return all_of(
        click.argument(
            "inputs",
            metavar="INPUT...",
            nargs=-1,
            # A file that cannot be read is reported as that file's failure and is no usage error.
            type=click.Path(readable=False, allow_dash=True),
        ),
        click.option(
            "-o",
            output_name,
            "output_file",
            metavar="FILE",
            type=click.Path(dir_okay=False, readable=False, allow_dash=True),
            help="Write to this file; - is standard output.",
        ),
        click.option(
            "-O",
            "--output-dir",
            metavar="DIR",
            type=click.Path(file_okay=False, readable=False),
            help="Write into this folder, where folders are mirrored; it is made when missing.",
        ),
        click.option(
            "--files-from",
            metavar="LIST",
            type=click.Path(dir_okay=False, readable=False, allow_dash=True),
            help="Take the inputs named in this file too, one on a line; - is standard input.",
        ),
        click.option("-r", "--recursive", is_flag=True, help="Take the files of folders, and of the folders in them."),
    )


def model_option(command: Command) -> Command:
    """The option that says which model a file is of."""
    option = click.option("-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Name or weights file.")
    return option(command)


def model_options(command: Command) -> Command:
    """The options that say which model runs where."""
    option = click.option(
        "--device", default="auto", show_default=True, callback=_check_device, help="auto, cpu, cuda or cuda:N."
    )
    return model_option(option(command))


def fine_quality_option(meaning: str) -> Callable[[Command], Command]:
    """The option for PNG carriers that have lost their private chunk."""
    return click.option("--fine-quality", type=click.IntRange(0, 255), metavar="N", help=meaning)


ENGINE = click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: the processes run on the Ray cluster of RAY_ADDRESS, else on a new one here.",
)


def batch_options(command: Command, engine: Callable[[Command], Command] = ENGINE) -> Command:
    """The options that become BatchOptions, with -r of `output_options`; `engine` is the one of this name."""
    options = all_of(
        click.option(
            "-j",
            "--jobs",
            metavar="N|all",
            show_default="1; with a GPU all",
            callback=_read_jobs,
            help="Processes; all: one for each CPU core. Each has a model of its own; with a GPU they read and write.",
        ),
        engine,
        click.option("-f", "--force", is_flag=True, help="Overwrite existing files."),
        click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
        click.option("--skip-existing", is_flag=True, help="Pass over inputs whose output exists."),
        click.option("--preserve", is_flag=True, help="Give outputs the modification times of their inputs."),
        click.option("-v", "--verbose", is_flag=True, help="Name every file and how long it took."),
        click.option("--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON lines on standard output; see below."),
    )
    return options(command)


BATCH_EPILOG = """\b
With --json, standard output has one object on a line for each file,
  {"event": "file", "source", "target",
   "status": "done"|"skipped"|"failed", and "planned" with --dry-run,
   "bytes_in", "bytes_out", "seconds", "error" (of a failed file),
   "further_targets" and "notices" (lists, where there are any);
   of a face that was encoded "psnr" and, if asked for, "identity",
   and "further_figures", objects of these for further_targets}
in the order of the inputs, and at last
  {"event": "summary", "done" ("planned" with --dry-run), "skipped", "failed",
   "bytes_in", "bytes_out", "seconds", "interrupted"}

Exit codes: 0 all done, 1 some failed, 2 usage, 3 no file to take.
"""


def _check_device(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuses device names of the wrong form; whether there is such a device shows when it is used."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise click.BadParameter(f"{value!r} is not auto, cpu, cuda or cuda:N.")
    return value


def _read_jobs(context: click.Context, parameter: click.Parameter, value: str | None) -> Jobs | None:
    """The number of processes that was given."""
    if value is None:
        return None
    if value == "all":
        return "all"
    if not re.fullmatch(r"[1-9]\d{0,3}", value):
        raise click.BadParameter(f"{value!r} is neither a number from 1 to 9999 nor all.")
    return int(value)


def all_of(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator that does what several do, the first outermost."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
