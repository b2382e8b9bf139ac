"""A run of grain-encode or grain-decode: its files through an engine into a report and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import click
from grain_codec.cli.batch.conversion import Conversion, Outcome
from grain_codec.cli.batch.paths import STANDARD_STREAM, Job, shown
from grain_codec.cli.batch.planning import Plan
from grain_codec.cli.batch.report import EXIT_FAILED, Report
from grain_codec.cli.batch.tasks import RunImpossible, Task
from grain_codec.cli.batch.urls import is_url
from grain_codec.cli.options import BatchOptions

from grain_codec.errors import GrainError, reason_of
from grain_codec.whole_files import remove_abandoned

EXIT_INTERRUPTED = 130


def run_and_exit(program: str, plan: Plan, output_dir: str | None, task: Task, options: BatchOptions) -> None:
    """Makes the output folder, does all jobs of the plan and ends the process with its exit code."""
    if options.as_json and any(job.target == STANDARD_STREAM for job in plan):
        raise click.UsageError("--json and the picture cannot both be written to standard output.")
    if options.preserve and any(is_url(path) for job in plan for path in (job.source, job.target)):
        raise click.UsageError("--preserve is for files; objects in a store have no times to set.")
    if output_dir is not None and not options.dry_run and not is_url(output_dir):
        try:
            os.makedirs(output_dir, exist_ok=True)
        except OSError as error:
            complain(program, output_dir, error)
            sys.exit(EXIT_FAILED)
    conversion = Conversion(
        task, options.force, options.skip_existing, options.dry_run, output_dir is not None, options.preserve
    )
    report = Report(program, len(plan), options.verbose, options.quiet, options.as_json)
    for folder, error in plan.unlisted:
        report.add_unlisted(folder, error)
    _say_what_is_passed_over(program, plan, options)
    _work_through(_outcomes(plan, conversion, options), report)
    sys.exit(report.exit_code)


def in_process(jobs: Iterable[Job], conversion: Conversion) -> Iterator[Outcome]:
    """Does jobs one by one in this process."""
    for job in jobs:
        yield conversion(job)


@contextmanager
def orderly_exit(program: str) -> Iterator[None]:
    """Ends the process without a traceback on Ctrl-C, when asked to terminate, and where no file can be converted.

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


def complain(program: str, name: str, error: GrainError | OSError) -> None:
    """Says on standard error what went wrong with which file, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        name = shown(error.filename)
    click.echo(f"{program}: {name}: {reason_of(error, name)}", err=True)


def _outcomes(plan: Plan, conversion: Conversion, options: BatchOptions) -> Iterator[Outcome]:
    """The outcomes of a plan's jobs in order, from the engine that the options and the plan ask for."""
    if options.dry_run:
        return in_process(plan, conversion)
    jobs = _with_tidied_folders(plan)
    several = options.engine == "local" and len(plan) > 1
    # A worker has standard streams of its own.
    streams = any(STANDARD_STREAM in (job.source, job.target) for job in plan)
    if several and not streams:
        from grain_codec.cli.batch.engines.gpu import run_on_gpu, suits_gpu

        if suits_gpu(conversion.task):
            return run_on_gpu(jobs, conversion, options.jobs or None, _note if options.verbose else None)
    processes = 1 if options.jobs is None else options.jobs
    if streams or (options.engine == "local" and (processes == 1 or not several)):
        return in_process(jobs, conversion)
    if options.engine == "ray":
        from grain_codec.cli.batch.engines.ray import run_on_ray

        return run_on_ray(jobs, conversion, processes or None)
    from grain_codec.cli.batch.engines.workers import run_on_workers

    from grain_codec.runtime.cores import available_cores

    return run_on_workers(jobs, conversion, min(processes or available_cores(), len(plan)))


def _note(line: str) -> None:
    """A line for those who want to know everything."""
    click.echo(line, err=True)


def _work_through(outcomes: Iterator[Outcome], report: Report) -> None:
    """Reports outcomes as they come, and the summary even of a run that is interrupted."""
    try:
        with closing(outcomes):
            for outcome in outcomes:
                report.add(outcome)
    except (KeyboardInterrupt, SystemExit):
        report.finish(interrupted=True)
        raise
    except RunImpossible:
        report.give_up()
        raise
    report.finish()


def _with_tidied_folders(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs; before the first of each folder, what killed runs left where it writes is removed."""
    started, folder = time.time(), None
    for job in jobs:
        if job.target != STANDARD_STREAM and not is_url(job.target) and os.path.dirname(job.target) != folder:
            folder = os.path.dirname(job.target)
            remove_abandoned(folder or os.curdir, before=started)
        yield job


def _say_what_is_passed_over(program: str, plan: Plan, options: BatchOptions) -> None:
    """A line when there is nothing to do at all, and for those who want to know everything."""
    others = f"{plan.passed_over} other {'file' if plan.passed_over == 1 else 'files'}"
    if not len(plan) and not plan.unlisted and not options.quiet:
        click.echo(f"{program}: nothing to do: no {plan.inputs} among {others}", err=True)
    elif options.verbose and plan.passed_over:
        click.echo(f"{program}: {others} passed over", err=True)


@contextmanager
def _termination_unwinds() -> Iterator[None]:
    """A request to terminate, as `kill` and batch systems send it, removes temporary files as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
