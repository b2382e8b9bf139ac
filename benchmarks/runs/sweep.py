"""A whole run over faces and codecs on several processes, which goes on where a killed one stopped."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.plan import Plan
from grain_codec.benchmarks.runs.task import Description, Outcome, Task, describe_codec, run_task
from grain_codec.benchmarks.tables.rows import Row, append_rows, read_rows, write_rows
from grain_codec.errors import GrainError
from grain_codec.runtime.worker_pool import PoolBroken, WorkerDied, WorkerPool


@dataclass(frozen=True)
class Progress:
    """The progress of a run: tasks done, tasks in all, and the estimated seconds left (None at its start)."""

    done: int
    total: int
    seconds_left: float | None


class Workers:
    """Processes with one thread each, or this process where there is to be only one."""

    def __init__(self, plan: Plan, jobs: int):
        """Processes start with their first tasks."""
        self.plan, self.jobs = plan, jobs
        self._pool = None if jobs == 1 else WorkerPool(jobs, threads_each=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, error, traceback)

    def describe(self, name: str) -> Description:
        """A codec of the plan; raises what `make_codec` raises."""
        if self._pool is None:
            return describe_codec(self.plan, name)
        return self._pool.submit(describe_codec, self.plan, name).result()

    def run(self, tasks: list[Task]) -> Iterator[Outcome]:
        """The outcomes of tasks, in any order.

        Raises:
            GrainError: the processes keep dying.
        """
        if self._pool is None:
            yield from (run_task(self.plan, task) for task in tasks)
            return
        futures = {self._pool.submit(run_task, self.plan, task): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield future.result()
            except WorkerDied as error:
                yield Outcome(futures[future], error=f"{error}, for want of memory perhaps")
            except PoolBroken as error:
                raise GrainError(f"{error}, for want of memory perhaps; run again to go on") from error


def sweep(
    faces: list[FaceFile],
    descriptions: list[Description],
    table: Path,
    workers: Workers,
    on_outcome: Callable[[Outcome, Progress], None],
) -> None:
    """Does what is not in the table yet, and leaves the table complete and in order.

    Args:
        table: the results table; it need not exist.
        on_outcome: called after the rows of a task are on disk.

    Raises:
        BadTable: there is another file under the table's name.
        GrainError: the worker processes keep dying.
    """
    rows = read_rows(table) if table.exists() else []
    tasks = unfinished(workers.plan, faces, descriptions, rows)
    redone = {(task.face.name, task.codec) for task in tasks}
    # What is torn, or was written for a part of a task only, goes before anything is added.
    write_rows(table, [row for row in rows if (row.image, row.codec) not in redone])
    estimate = _Estimate(tasks, workers.jobs)
    for outcome in workers.run(tasks):
        append_rows(table, outcome.rows)
        on_outcome(outcome, estimate.after(outcome))
    places = {name: place for place, name in enumerate(workers.plan.names)}
    write_rows(table, sorted(read_rows(table), key=lambda row: (row.image, places.get(row.codec, len(places)))))


def unfinished(plan: Plan, faces: list[FaceFile], descriptions: list[Description], rows: list[Row]) -> list[Task]:
    """The tasks of which not all rows are there, face by face."""
    present = {row.key for row in rows}
    return [
        Task(face, description.name)
        for face in faces
        for description in descriptions
        if not present.issuperset(description.expected_rows(plan, face.name))
    ]


class _Estimate:
    """The time left: what is left of each codec's tasks, at that codec's mean seconds so far."""

    def __init__(self, tasks: list[Task], jobs: int):
        self._total, self._jobs = len(tasks), jobs
        self._left = Counter(task.codec for task in tasks)
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def after(self, outcome: Outcome) -> Progress:
        """The progress with one more task done."""
        self._left[outcome.task.codec] -= 1
        self._seconds[outcome.task.codec].append(outcome.seconds)
        done = self._total - self._left.total()
        means = {codec: sum(seconds) / len(seconds) for codec, seconds in self._seconds.items()}
        usual = sum(means.values()) / len(means)
        left = sum(count * means.get(codec, usual) for codec, count in self._left.items()) / self._jobs
        return Progress(done, self._total, left if done >= self._jobs else None)
