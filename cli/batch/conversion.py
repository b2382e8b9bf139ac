"""Does jobs: checks, reads, computes and writes, in one process or in several."""

import os
import time
from dataclasses import dataclass, field, replace
from typing import Generic

from grain_codec.cli.batch.files.inputs import check_source, read_source
from grain_codec.cli.batch.files.outputs import (
    FileTimes,
    OutputExists,
    check_target,
    set_times,
    times_of,
    write_target,
)
from grain_codec.cli.batch.files.urls import is_url
from grain_codec.cli.batch.job import DONE, FAILED, PLANNED, SKIPPED, Job, Outcome
from grain_codec.cli.batch.names import numbered, shown
from grain_codec.cli.batch.tasks.task import Converted, Input, Kept, Output, Task
from grain_codec.cli.exits import RunImpossible
from grain_codec.cli.options import BatchOptions
from grain_codec.errors import reason_of
from grain_codec.runtime.pipeline import Read


@dataclass(frozen=True, slots=True)
class ReadJob(Generic[Kept]):
    """A job whose source was read, with all that writing its outputs needs."""

    kept: Kept  # What the task keeps of the source.
    bytes_in: int  # Size of the source.
    times: FileTimes | None  # The times that the outputs get; None leaves them at the present time.
    seconds: float  # The time that reading took.


@dataclass(frozen=True)
class Conversion(Generic[Input, Kept, Output]):
    """Does jobs; can be pickled.

    Calling it does a whole job. Engines that compute batches call `read` and `write` instead, and compute in
    between; `failure` makes an outcome of what these raise.
    """

    task: Task[Input, Kept, Output]  # Makes the outputs' bytes.
    # How existing outputs and the times of files are treated.
    options: BatchOptions = field(default_factory=BatchOptions)
    make_folders: bool = False  # Makes the target's folder where it is missing.

    def __call__(self, job: Job) -> Outcome:
        """Does a job; an error of any kind concerns this job alone.

        Raises:
            RunImpossible: no file can be converted.
        """
        started = time.perf_counter()
        try:
            outcome = self._convert(job)
        except RunImpossible:
            raise
        except Exception as error:  # One of thousands of files from anywhere may hit a bug or exhaust the memory.
            outcome = self.failure(job, error)
        return replace(outcome, seconds=time.perf_counter() - started)

    def read(self, job: Job) -> Read[Input, ReadJob[Kept]]:
        """The first step of a job.

        Raises:
            OutputExists: the target exists and may not be overwritten.
            GrainError: the source cannot be converted.
            OSError: it cannot be read.
            RunImpossible: no file can be converted.
        """
        started = time.perf_counter()
        check_target(job.target, self.options.force)
        # Before reading, which changes the time of the last access.
        times = times_of(job.source) if self.options.preserve else None
        data = read_source(job.source)
        read = self.task.read(data, job.source_name)
        seconds = time.perf_counter() - started
        return Read(read.input, ReadJob(read.kept, len(data), times, seconds))

    def write(self, job: Job, read: ReadJob[Kept], output: Output) -> Outcome:
        """The last step of a job; raises what `read` raises."""
        started = time.perf_counter()
        converted = self.task.finish(read.kept, output)
        if self.make_folders and not is_url(job.target):
            os.makedirs(os.path.dirname(job.target) or os.curdir, exist_ok=True)
        contents = self._contents(job, converted)
        for target, content in contents.items():
            write_target(target, content, self.options.force)
            if read.times is not None:
                set_times(target, read.times)
        further_targets = tuple(contents)[:-1]
        measured = dict(zip(_targets(job, converted), converted.figures))
        return Outcome(
            job,
            DONE,
            read.bytes_in,
            bytes_out=sum(map(len, contents.values())),
            seconds=read.seconds + time.perf_counter() - started,
            notices=converted.notices,
            further_targets=further_targets,
            figures=tuple(measured[target] for target in (job.target, *further_targets) if target in measured),
        )

    def failure(self, job: Job, error: Exception) -> Outcome:
        """The outcome of a job that an error ended."""
        if isinstance(error, OutputExists) and self.options.skip_existing:
            return Outcome(job, SKIPPED)
        blamed = job.source_name
        if isinstance(error, OSError) and isinstance(error.filename, str):
            blamed = shown(error.filename)
        return Outcome(job, FAILED, blamed=blamed, reason=reason_of(error, blamed))

    def _convert(self, job: Job) -> Outcome:
        """Does the steps of a job in turn."""
        if self.options.dry_run:
            check_target(job.target, self.options.force)
            check_source(job.source)
            return Outcome(job, PLANNED)
        read = self.read(job)
        return self.write(job, read.kept, self.task.compute(read.input))

    def _contents(self, job: Job, converted: Converted) -> dict[str, bytes]:
        """The bytes of each file that is to be written.

        The job's own target comes last: where it exists, an interrupted run had written all the others.

        Raises:
            OutputExists: one of them exists and may be neither overwritten nor skipped.
        """
        contents = {}
        for target, further in zip(_targets(job, converted)[1:], converted.further):
            try:
                check_target(target, self.options.force)
                contents[target] = further
            except OutputExists:
                if not self.options.skip_existing:
                    raise
        check_target(job.target, self.options.force)
        return contents | {job.target: converted.data}


def _targets(job: Job, converted: Converted) -> list[str]:
    """The targets of all outputs, the job's own first."""
    return [job.target, *(numbered(job.target, number) for number, _ in enumerate(converted.further, 2))]
