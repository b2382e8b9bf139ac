"""grain-bench: bytes and distances of this codec and of what a user would pick instead, as a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grain_codec.cli.batch.progress import duration, on_terminal
from grain_codec.cli.batch.run import complain
from grain_codec.cli.exits import EXIT_FAILED, orderly_exit
from grain_codec.errors import GrainError
from grain_codec.runtime.cores import available_cores
from grain_codec.settings import DEFAULT_EFFORT
from grain_codec.version import VERSION

if TYPE_CHECKING:
    from grain_codec.benchmarks.runs.faces import FaceFile
    from grain_codec.benchmarks.runs.plan import Plan
    from grain_codec.benchmarks.runs.sweep import Progress
    from grain_codec.benchmarks.runs.task import Outcome

PROGRAM = "grain-bench"
SECONDS_BETWEEN_LINES = 30
EPILOG = """\b
Codecs: bicubic16, jpeg, webp, avif, jpegxl, jpeg2000, heic, vvc, vvc-implied, blurhash, face-1024.
Metrics: psnr, ssim, ms-ssim, lpips and lpips-full (with weights), identity (if installed),
lr-psnr, detail.
A killed run goes on when it is started again. Exit codes: 0 all done, 1 failed, 2 usage."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.argument("faces", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output-dir", "folder", required=True, metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path),
              help="Folder of the report; it is made when missing.")  # fmt: skip
@click.option("--from", "table", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Draw the report anew from this images.tsv; nothing is encoded.")  # fmt: skip
@click.option("--max-bytes", "caps", metavar="N", multiple=True, type=click.IntRange(min=1),
              help="Byte cap; repeatable.  [default: 200, 384, 484, 768]")  # fmt: skip
@click.option("--codec", "codecs", metavar="NAME", multiple=True, help="Only these; repeatable.  [default: all]")
@click.option("-m", "--model", "models", metavar="FILE", multiple=True, help="Weights to measure too; repeatable.")
@click.option("-e", "--effort", "efforts", metavar="N", multiple=True, type=click.IntRange(0, 9),
              help=f"Of the models' search; repeatable.  [default: {DEFAULT_EFFORT}]")  # fmt: skip
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Only these; repeatable.  [default: all]")
@click.option("--lpips-weights", multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="State dict of LPIPS on AlexNet, or of its shift-tolerant successor.")  # fmt: skip
@click.option("--anchor", metavar="NAME", default="webp", show_default=True, help="What the others are compared with.")
@click.option("--curves/--no-curves", default=True, help="Measure whole curves beside the caps.  [default: curves]")
@click.option("--quick", is_flag=True, help="Four faces, two caps, no VVC, fewer points: a first look.")
@click.option("--device", default="cpu", show_default=True, help="That models run on: auto, cpu, cuda or cuda:N.")
@click.option("-j", "--jobs", metavar="N", type=click.IntRange(min=1), help="Processes.  [default: all cores]")
@click.option("-f", "--force", is_flag=True, help="Start anew where the folder holds another run.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.version_option(VERSION, "-V", "--version", prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(
    faces: Path | None,
    folder: Path,
    table: Path | None,
    anchor: str,
    jobs: int | None,
    force: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Measure the aligned faces in the folder FACES, and write images.tsv, report.html, plot.png and more to DIR."""
    if (faces is None) == (table is None):
        raise click.UsageError("Give the folder FACES, or --from images.tsv.")
    from grain_codec.benchmarks.report.requirements import missing_packages
    from grain_codec.benchmarks.runs.run import TABLE, check_packages, clear, measure, redraw

    failures: list[str] = []
    missing = missing_packages()
    try:
        check_packages()
        if missing:
            click.echo(f"{PROGRAM}: {missing}; only the tables are written", err=True)
        if faces is not None:
            plan, usable, warnings = _prepared(faces, anchor, **choices)
            if force:
                clear(folder)
            jobs = jobs or available_cores()
            what = f"{len(usable)} faces, {', '.join(plan.names)}; caps {', '.join(map(str, plan.caps))}"
            line = ProgressLine(quiet, f"{what}; {', '.join(plan.metrics)}; {jobs} processes")
            failures = measure(plan, usable, folder, jobs, warnings, line.update)
            line.end()
        text = redraw(table or folder / TABLE, folder, anchor)
    except (GrainError, OSError) as error:
        complain(PROGRAM, str(table or faces), error)
        sys.exit(EXIT_FAILED)
    for failure in failures:
        click.echo(f"{PROGRAM}: {failure}", err=True)
    if not quiet:
        click.echo(text if missing else f"{text}\n\n{folder / 'report.html'}")
    # --from asks for the report alone, so that without one the command has failed.
    sys.exit(EXIT_FAILED if failures or (table and missing) else 0)


def _prepared(
    folder: Path, anchor: str, models: tuple[str, ...], **choices: Any
) -> tuple[Plan, list[FaceFile], list[str]]:
    """The plan of the run, the faces to measure, and the warnings for readers of the report."""
    from grain_codec.benchmarks.runs.faces import usable_faces
    from grain_codec.benchmarks.runs.plan import QUICK_FACES, Plan, complete

    plan, warnings = complete(Plan(**choices), models)
    if anchor not in plan.names:
        raise GrainError(f"the anchor {anchor!r} is not measured; there are {', '.join(plan.names)}")
    faces, left_out = usable_faces(folder, plan.size, QUICK_FACES if plan.quick else None)
    for line in (*warnings, *left_out):
        click.echo(f"{PROGRAM}: {line}", err=True)
    if not faces:
        raise GrainError(f"no face of {plan.size} pixels a side in this folder")
    if plan.quick:
        warnings.append(
            f"Quick run: {len(faces)} faces at most, fewer caps, sizes and curve points, less effort of other codecs, "
            "and VVC, the strongest, only where it is asked for."
        )
    return plan, faces, [*warnings, *(f"Left out: {line}" for line in left_out)]


class ProgressLine:
    """Says on standard error how far a run is: on a terminal in one line, else in a new line now and then."""

    def __init__(self, quiet: bool, heading: str):
        """Says what is going to be measured."""
        self._quiet, self._on_terminal = quiet, on_terminal()
        self._written = time.monotonic()
        if not quiet:
            click.echo(heading, err=True)

    def update(self, outcome: Outcome, progress: Progress) -> None:
        """Tells that one more task is done."""
        now = time.monotonic()
        if self._quiet or not (self._on_terminal or now - self._written >= SECONDS_BETWEEN_LINES):
            return
        self._written = now
        left = f", about {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
        line = f"{progress.done}/{progress.total} measured{left}"
        click.echo(f"\r{line:<60}" if self._on_terminal else line, err=True, nl=not self._on_terminal)

    def end(self) -> None:
        """Ends the line."""
        if self._on_terminal and not self._quiet:
            click.echo(err=True)


if __name__ == "__main__":
    main()
