"""Does jobs in several processes of this machine, each with a model of its own; outcomes come in the jobs' order."""

from collections.abc import Generator, Iterable
from typing import Any

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.cli.exits import RunImpossible
from grain_codec.runtime.worker_pool import PoolBroken, WorkerDied, WorkerPool, in_order

JOBS_UNREPORTED = 16
"""Jobs for each process that may be under way or finished before an earlier one is; it bounds what is held."""


def run_on_workers(jobs: Iterable[Job], conversion: Conversion[Any, Any, Any], count: int) -> Generator[Outcome]:
    """Does jobs in `count` processes; closing the iterator ends them and leaves no partial file.

    Raises:
        RunImpossible: the processes cannot load the model, or keep dying.
    """
    with WorkerPool(count) as pool:
        for job, future in in_order(pool, conversion, jobs, JOBS_UNREPORTED * count):
            try:
                outcome = future.result()
            except WorkerDied as error:
                outcome = conversion.failure(job, error)
            except PoolBroken as error:
                raise RunImpossible(str(error)) from error
            yield outcome
