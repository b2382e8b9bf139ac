"""A whole run over faces and codecs on several processes, which goes on where a killed one stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grain_codec.benchmarks.runs.bench_worker import Description, Outcome, Task, Worker, expected_keys
from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.plan import Plan
from grain_codec.benchmarks.tables.results_table import Row, append_rows, read_rows, write_rows

from grain_codec.errors import GrainError


@dataclass(frozen=True)
class Progress:
    """How far a run is: tasks done and in all, and about how many seconds are left (None at its start)."""

    done: int
    total: int
    seconds_left: float | None


class Workers(Protocol):
    """Where tasks are done."""

    def describe(self, name: str) -> Description:
        """A codec of the plan."""
        ...

    def run(self, tasks: list[Task]) -> Iterator[Outcome]:
        """The outcomes of tasks, in any order."""
        ...


@contextmanager
def workers(plan: Plan, jobs: int) -> Iterator[Workers]:
    """Worker processes with one thread each, or this process where there is to be only one."""
    if jobs == 1:
        yield _Here(plan)
        return
    with _one_thread():
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(plan,))
        try:
            yield _Elsewhere(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def sweep(
    plan: Plan,
    faces: list[FaceFile],
    descriptions: list[Description],
    table: Path,
    workers: Workers,
    jobs: int,
    on_outcome: Callable[[Outcome, Progress], None],
) -> None:
    """Does what is not in the table yet, and leaves the table complete and in order.

    Args:
        table: the results table; it need not exist.
        jobs: processes, for the estimate.
        on_outcome: called after the rows of a task are on disk.

    Raises:
        BadTable: there is another file under the table's name.
        GrainError: a worker process died.
    """
    rows = read_rows(table) if table.exists() else []
    tasks = unfinished(plan, faces, descriptions, rows)
    redone = {(task.face.name, task.codec) for task in tasks}
    # What is torn, or was written for a part of a task only, goes before anything is added.
    write_rows(table, [row for row in rows if (row.image, row.codec) not in redone])
    estimate = _Estimate(tasks, jobs)
    for outcome in workers.run(tasks):
        append_rows(table, outcome.rows)
        on_outcome(outcome, estimate.after(outcome))
    write_rows(table, in_order(read_rows(table), plan))


def unfinished(plan: Plan, faces: list[FaceFile], descriptions: list[Description], rows: list[Row]) -> list[Task]:
    """The tasks of which not all rows are there, face by face."""
    present = {row.key for row in rows}
    return [
        Task(face, description.name)
        for face in faces
        for description in descriptions
        if not expected_keys(plan, description, face.name) <= present
    ]


def in_order(rows: list[Row], plan: Plan) -> list[Row]:
    """Rows by image, then by codec as in the plan; the order within a task stays."""
    places = {name: place for place, name in enumerate(plan.names)}
    return sorted(rows, key=lambda row: (row.image, places.get(row.codec, len(places))))


class _Here:
    """Tasks in this process."""

    def __init__(self, plan: Plan):
        self._worker = Worker(plan)
        self.describe = self._worker.describe

    def run(self, tasks: list[Task]) -> Iterator[Outcome]:
        return map(self._worker.run, tasks)


class _Elsewhere:
    """Tasks in the processes of a pool."""

    def __init__(self, pool: ProcessPoolExecutor):
        self._pool = pool

    def describe(self, name: str) -> Description:
        with _no_broken_pool():
            return self._pool.submit(_describe, name).result()

    def run(self, tasks: list[Task]) -> Iterator[Outcome]:
        with _no_broken_pool():
            futures = [self._pool.submit(_run, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()


class _Estimate:
    """The time left: what is left of each codec's tasks, at that codec's mean seconds so far."""

    def __init__(self, tasks: list[Task], jobs: int):
        self._total, self._jobs = len(tasks), jobs
        self._left: dict[str, int] = defaultdict(int)
        self._seconds: dict[str, list[float]] = defaultdict(list)
        for task in tasks:
            self._left[task.codec] += 1

    def after(self, outcome: Outcome) -> Progress:
        """The progress with one more task done."""
        self._left[outcome.task.codec] -= 1
        self._seconds[outcome.task.codec].append(outcome.seconds)
        done = self._total - sum(self._left.values())
        means = {codec: sum(seconds) / len(seconds) for codec, seconds in self._seconds.items()}
        usual = sum(means.values()) / len(means)
        left = sum(count * means.get(codec, usual) for codec, count in self._left.items()) / self._jobs
        return Progress(done, self._total, left if done >= self._jobs else None)


@contextmanager
def _no_broken_pool() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise GrainError("a worker process died, for want of memory perhaps; run again to go on") from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started within compute on one thread each."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


_worker: Worker | None = None


def _start(plan: Plan) -> None:
    """The start of a worker process, which ends with the process that started it."""
    global _worker
    # Ctrl-C reaches all processes of a terminal; a worker has nothing to tidy up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(plan)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _describe(name: str) -> Description:
    assert _worker is not None
    return _worker.describe(name)


def _run(task: Task) -> Outcome:
    assert _worker is not None
    return _worker.run(task)
