"""Jobs on several processes of this machine, each with a model of its own; outcomes in the order of the jobs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from grain_codec.cli.batch.conversion import FAILED, Conversion, Outcome
from grain_codec.cli.batch.paths import Job
from grain_codec.cli.batch.tasks import RunImpossible

from grain_codec.runtime.cores import available_cores

JOBS_AHEAD = 2
"""Jobs that a worker holds, so that it need not wait for the next."""

JOBS_UNREPORTED = 16
"""Jobs for each worker that may be finished before an earlier one is, which bounds what is held."""

MOST_LOSSES = 3
"""Worker processes that may die in a row without any of them finishing a job."""

SECONDS_TO_STOP = 5


def run_on_workers(jobs: Iterable[Job], conversion: Conversion, count: int) -> Iterator[Outcome]:
    """Does jobs on `count` processes; closing the iterator ends them, and no partial file is left.

    Raises:
        RunImpossible: the workers cannot load the model, or die whatever they do.
    """
    pool = _Pool(conversion, count)
    try:
        yield from pool.outcomes(jobs)
    finally:
        pool.stop()


@dataclass
class _Worker:
    """A process, the pipe to it and the jobs that it has."""

    process: BaseProcess
    connection: Connection
    pending: deque[tuple[int, Job]] = field(default_factory=deque)

    def give(self, number: int, job: Job) -> None:
        """Sends a job; a worker that died meanwhile is noticed when its outcome is awaited."""
        self.pending.append((number, job))
        with suppress(OSError):
            self.connection.send(job)


class _Pool:
    """Hands out jobs in order, collects outcomes as they come, replaces workers that die."""

    def __init__(self, conversion: Conversion, count: int):
        self._conversion, self._count = conversion, count
        self._finished: dict[int, Outcome] = {}
        self._returned: deque[tuple[int, Job]] = deque()
        self._handed_out = self._losses = 0
        self._workers: list[_Worker] = []
        for _ in range(count):
            self._workers.append(self._start())

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """The outcomes of all jobs, in the jobs' order."""
        numbered = enumerate(jobs)
        reported = 0
        while True:
            self._hand_out(numbered, reported + JOBS_UNREPORTED * self._count)
            busy = {worker.connection: worker for worker in self._workers if worker.pending}
            if not busy:
                return
            for connection in wait(list(busy)):
                self._collect(busy[connection])
            while reported in self._finished:
                yield self._finished.pop(reported)
                reported += 1

    def stop(self) -> None:
        """Ends all workers: at once those that have work, at their leisure those that have none."""
        for worker in self._workers:
            worker.connection.close()
            if worker.pending:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(SECONDS_TO_STOP)
            if worker.process.is_alive():
                worker.process.kill()

    def _start(self) -> _Worker:
        """A new worker process."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._conversion), daemon=True)
        with _share_of_threads(self._count), _deaf_to_interrupts():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, numbered: Iterator[tuple[int, Job]], end: int) -> None:
        """Gives jobs numbered below `end` to the workers that have the fewest."""
        while True:
            worker = min(self._workers, key=lambda worker: len(worker.pending))
            if len(worker.pending) >= JOBS_AHEAD:
                return
            item = self._returned.popleft() if self._returned else self._next(numbered, end)
            if item is None:
                return
            worker.give(*item)

    def _next(self, numbered: Iterator[tuple[int, Job]], end: int) -> tuple[int, Job] | None:
        """The first job that was never handed out, unless there is none below `end`."""
        item = next(numbered, None) if self._handed_out < end else None
        self._handed_out += item is not None
        return item

    def _collect(self, worker: _Worker) -> None:
        """Takes what a worker sent."""
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(outcome, RunImpossible):
            raise outcome
        self._losses = 0
        self._finished[worker.pending.popleft()[0]] = outcome

    def _replace(self, worker: _Worker) -> None:
        """Blames the job that a dead worker was at, returns its others, and starts a new worker."""
        worker.process.join(SECONDS_TO_STOP)
        number, job = worker.pending.popleft()
        reason = f"the worker process died ({_ending(worker.process.exitcode)})"
        self._finished[number] = Outcome(job, FAILED, blamed=job.source_name, reason=reason)
        self._returned.extend(worker.pending)
        worker.connection.close()
        self._losses += 1
        if self._losses > MOST_LOSSES:
            worker.pending.clear()
            raise RunImpossible(f"{self._losses} worker processes died one after another; {reason}")
        self._workers[self._workers.index(worker)] = self._start()


def _work(connection: Connection, conversion: Conversion) -> None:
    """The life of a worker: jobs in, outcomes out, until the other end of the pipe is closed."""
    # Ctrl-C reaches all processes of a terminal; the first one decides what becomes of the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            try:
                outcome = conversion(job)
            except RunImpossible as error:
                outcome = error
            connection.send(outcome)


@contextmanager
def _share_of_threads(count: int) -> Iterator[None]:
    """Processes started within use their share of the cores and no more, whatever they compute with."""
    before = os.environ.get("OMP_NUM_THREADS", "")
    share = max(1, available_cores() // count)
    os.environ["OMP_NUM_THREADS"] = str(min(share, int(before)) if before.isdecimal() and int(before) else share)
    try:
        yield
    finally:
        os.environ["OMP_NUM_THREADS"] = before
        if not before:
            del os.environ["OMP_NUM_THREADS"]


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started within hear no Ctrl-C, not even before `_work` begins; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It would be started together with the first process, and unblocks signals then.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
