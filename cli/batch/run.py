"""Runs grain-encode or grain-decode: jobs go through an engine into a report, which gives the exit code."""

import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import click

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.files.urls import is_url
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.cli.batch.names import STANDARD_STREAM, shown
from grain_codec.cli.batch.plan import Plan
from grain_codec.cli.batch.report import Report
from grain_codec.cli.batch.tasks.task import Task
from grain_codec.cli.exits import EXIT_FAILED, RunImpossible
from grain_codec.cli.options import BatchOptions
from grain_codec.errors import GrainError, reason_of
from grain_codec.whole_files import remove_abandoned

AnyTask = Task[Any, Any, Any]
AnyConversion = Conversion[Any, Any, Any]


def run_and_exit(program: str, plan: Plan, output_dir: str | None, task: AnyTask, options: BatchOptions) -> None:
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
    conversion = Conversion(task, options, make_folders=output_dir is not None)
    report = Report(program, len(plan), options)
    for folder, reason in plan.unlisted:
        report.add_unlisted(folder, reason)
    _say_what_is_passed_over(program, plan, options)
    _work_through(_outcomes(plan, conversion), report)
    sys.exit(report.exit_code)


def complain(program: str, name: str, error: GrainError | OSError) -> None:
    """Says on standard error what went wrong with which file, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        name = shown(error.filename)
    click.echo(f"{program}: {name}: {reason_of(error, name)}", err=True)


def _outcomes(plan: Plan, conversion: AnyConversion) -> Generator[Outcome]:
    """The outcomes of a plan's jobs in order, from the engine that the options and the plan ask for."""
    options = conversion.options
    if options.dry_run:
        return _one_by_one(plan, conversion)
    jobs = _with_tidied_folders(plan)
    # The standard streams of other processes are not the user's.
    if any(STANDARD_STREAM in (job.source, job.target) for job in plan):
        return _one_by_one(jobs, conversion)
    processes = None if options.jobs == "all" else options.jobs or 1
    if options.engine == "ray":
        from grain_codec.cli.batch.engines.ray import run_on_ray

        return run_on_ray(jobs, conversion, processes)
    if len(plan) > 1:
        from grain_codec.cli.batch.engines.gpu import run_on_gpu, suits_gpu

        if suits_gpu(conversion.task):
            workers = None if options.jobs is None else processes
            return run_on_gpu(jobs, conversion, workers, _say if options.verbose else None)
        if processes != 1:
            from grain_codec.cli.batch.engines.workers import run_on_workers
            from grain_codec.runtime.cores import available_cores

            return run_on_workers(jobs, conversion, min(processes or available_cores(), len(plan)))
    return _one_by_one(jobs, conversion)


def _one_by_one(jobs: Iterable[Job], conversion: AnyConversion) -> Generator[Outcome]:
    """Does jobs in this process."""
    for job in jobs:
        yield conversion(job)


def _say(line: str) -> None:
    """Says a line on standard error."""
    click.echo(line, err=True)


def _work_through(outcomes: Generator[Outcome], report: Report) -> None:
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
    """The jobs; before the first one of each folder, temporary files that killed runs left there are removed."""
    started, folder = time.time(), None
    for job in jobs:
        if job.target != STANDARD_STREAM and not is_url(job.target) and os.path.dirname(job.target) != folder:
            folder = os.path.dirname(job.target)
            remove_abandoned(folder or os.curdir, before=started)
        yield job


def _say_what_is_passed_over(program: str, plan: Plan, options: BatchOptions) -> None:
    """Says how many files are no inputs, where there is nothing to do at all or with --verbose."""
    others = f"{plan.passed_over} other {'file' if plan.passed_over == 1 else 'files'}"
    if not len(plan) and not plan.unlisted and not options.quiet:
        _say(f"{program}: nothing to do: no {plan.inputs} among {others}")
    elif options.verbose and plan.passed_over:
        _say(f"{program}: {others} passed over")
