"""One job from reading to writing, in whichever process, and what came of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from grain_codec.cli.batch.paths import (
    Job,
    OutputExists,
    check_source,
    check_target,
    numbered,
    read_source,
    set_times,
    shown,
    times_of,
    write_target,
)
from grain_codec.cli.batch.tasks import Converted, RunImpossible, Task
from grain_codec.cli.batch.urls import is_url

from grain_codec.errors import reason_of

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes:
        status: DONE, SKIPPED or FAILED.
        bytes_in: read, 0 unless done.
        bytes_out: written, 0 unless done.
        further_targets: files that were written beside the job's target.
        seconds: from looking at the target to the finished file.
        blamed: name of the file that an error is about.
        reason: of a failure.
        notices: what the user should know of the output.
    """

    job: Job
    status: str
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    blamed: str = ""
    reason: str = ""
    notices: tuple[str, ...] = ()
    further_targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """Does jobs; can be sent to another process.

    Attributes:
        task: makes the output's bytes.
        force: existing outputs are overwritten.
        skip_existing: existing outputs are no failure.
        dry_run: only the checks are left.
        make_folders: the target's folder is made when it is missing.
        preserve: outputs get the times of their sources.
    """

    task: Task
    force: bool = False
    skip_existing: bool = False
    dry_run: bool = False
    make_folders: bool = False
    preserve: bool = False

    def __call__(self, job: Job) -> Outcome:
        """Does one job; an error of any kind is one file's and not the run's.

        Raises:
            RunImpossible: no file can be converted.
        """
        started = time.perf_counter()
        try:
            outcome = self._convert(job)
        except RunImpossible:
            raise
        except OutputExists as error:
            outcome = Outcome(job, SKIPPED) if self.skip_existing else failure(job, error)
        except Exception as error:  # among thousands of files from anywhere one may hit a bug or the memory's end
            outcome = failure(job, error)
        return replace(outcome, seconds=time.perf_counter() - started)

    def _convert(self, job: Job) -> Outcome:
        """Checks, reads, converts and writes."""
        check_target(job.target, self.force)
        if self.dry_run:
            check_source(job.source)
            return Outcome(job, DONE)
        # Before reading, which changes the time of the last access.
        times = times_of(job.source) if self.preserve else None
        data = read_source(job.source)
        converted = self.task(data, job.source_name)
        if self.make_folders and not is_url(job.target):
            os.makedirs(os.path.dirname(job.target) or os.curdir, exist_ok=True)
        outputs = self._outputs(job, converted)
        for target, content in outputs.items():
            write_target(target, content, self.force)
            if times is not None:
                set_times(target, times)
        size, further_targets = sum(map(len, outputs.values())), tuple(outputs)[:-1]
        return Outcome(job, DONE, len(data), size, notices=converted.notices, further_targets=further_targets)

    def _outputs(self, job: Job, converted: Converted) -> dict[str, bytes]:
        """What is to be written, the job's own target last: where that is, an interrupted run had written all.

        Raises:
            OutputExists: one of them is there and may be neither overwritten nor skipped.
        """
        outputs = {}
        for number, more in enumerate(converted.further, 2):
            target = numbered(job.target, number)
            try:
                check_target(target, self.force)
                outputs[target] = more
            except OutputExists:
                if not self.skip_existing:
                    raise
        check_target(job.target, self.force)
        return outputs | {job.target: converted.data}


def failure(job: Job, error: Exception) -> Outcome:
    """The outcome of a job that an error ended."""
    blamed = job.source_name
    if isinstance(error, OSError) and isinstance(error.filename, str):
        blamed = shown(error.filename)
    return Outcome(job, FAILED, blamed=blamed, reason=reason_of(error, blamed))
