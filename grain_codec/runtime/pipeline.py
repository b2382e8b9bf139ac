"""Many sources, three steps each: workers read ahead, this process computes in batches, workers write behind.

What waits between the steps is bounded, results come in the order of the sources, and an error of one source is that
source's alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Self, TypeVar

from grain_codec.runtime.cores import available_cores
from grain_codec.runtime.worker_pool import PoolBroken, WorkerPool, in_order

READ_AHEAD = 3  # Batches whose sources are read before their turn.
WRITE_BEHIND = 2  # Outputs for each worker that may wait to be written.

THREADS_WITHOUT_WORKERS = 2

Source = TypeVar("Source")
Input = TypeVar("Input")
Kept = TypeVar("Kept")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Read(Generic[Input, Kept]):
    """The result of reading one source."""

    input: Input  # The input of the computation, which runs in this process.
    kept: Kept  # The data that writing needs besides the result.


@dataclass(frozen=True)
class Finished(Generic[Source]):
    """The outcome of one source."""

    source: Source  # The source as the caller gave it.
    result: Any = None  # The computed result, or the return value of `write` if there is one; None after an error.
    error: Exception | None = None  # Why there is no result.


@dataclass
class _Entry(Generic[Source]):
    """One source in progress: the data read and computed from it, or the reason why it failed."""

    source: Source
    kept: Any = None
    result: Any = None
    error: Exception | None = None


class Pipeline:
    """The steps of many sources."""

    def __init__(self, batch_size: int, workers: int | None = None, slots: int = 1):
        """Workers start with the first source.

        Args:
            batch_size: inputs that are computed at once.
            workers: processes that read and write, None for one a core; 0 does both in threads of this process.
            slots: batches that may be computed at once.
        """
        self.batch_size, self.slots = batch_size, slots
        self.workers = available_cores() if workers is None else workers
        self.executor: Executor = (
            WorkerPool(self.workers) if self.workers else ThreadPoolExecutor(THREADS_WITHOUT_WORKERS)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close(interrupt=kind is not None)

    def close(self, interrupt: bool = False) -> None:
        """Ends the workers; what they have not begun is dropped, and with `interrupt` also what they have begun."""
        self.executor.shutdown(cancel_futures=interrupt or not self.workers)

    def run(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Read[Input, Kept]],
        start: Callable[[Sequence[Input]], Callable[[], Iterable[Result | Exception]]],
        write: Callable[[Source, Kept, Result], Any] | None = None,
    ) -> Iterator[Finished[Source]]:
        """Takes sources through the three steps.

        Args:
            read: reads a source. `read` and `write` must be picklable unless there are 0 workers.
            start: starts to compute a batch; the call returned waits for the results, one or an error for each.
            write: writes a result, as soon as it is there and in whatever order; None yields the results themselves.

        Raises:
            PoolBroken: the workers keep dying.
        """
        ahead = in_order(self.executor, read, sources, READ_AHEAD * self.batch_size)
        computed = self._computed(ahead, start)
        if write is None:
            for entry in computed:
                yield Finished(entry.source, entry.result, entry.error)
            return
        waiting: deque[tuple[Source, Future[Any]]] = deque()
        for entry in computed:
            waiting.append((entry.source, self._written(write, entry)))
            while len(waiting) > WRITE_BEHIND * max(self.workers, 1):
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())

    def _computed(
        self, ahead: Iterator[tuple[Source, Future[Read[Any, Any]]]], start: Callable[..., Any]
    ) -> Iterator[_Entry[Source]]:
        """Sources with their results; as many batches are under way at once as there are slots."""
        under_way: deque[tuple[list[_Entry[Source]], Callable[[], Iterable[Any]]]] = deque()
        while batch := list(islice(ahead, self.batch_size)):
            entries = [_entry(source, future) for source, future in batch]
            inputs = [future.result().input for entry, (_, future) in zip(entries, batch) if entry.error is None]
            under_way.append((entries, start(inputs) if inputs else tuple))
            if len(under_way) == self.slots:
                yield from _with_results(*under_way.popleft())
        while under_way:
            yield from _with_results(*under_way.popleft())

    def _written(self, write: Callable[..., Any], entry: _Entry[Source]) -> Future[Any]:
        """The future of an output; that of a source that failed has failed already."""
        if entry.error is None:
            return self.executor.submit(write, entry.source, entry.kept, entry.result)
        failed: Future[Any] = Future()
        failed.set_exception(entry.error)
        return failed


def _entry(source: Source, future: Future[Read[Any, Any]]) -> _Entry[Source]:
    """A source that was read."""
    error = _error_of(future)
    return _Entry(source, error=error) if error else _Entry(source, future.result().kept)


def _with_results(entries: list[_Entry[Source]], wait: Callable[[], Iterable[Any]]) -> Iterator[_Entry[Source]]:
    """The sources of a batch in order, when those that did not fail have their results."""
    results = iter(wait())
    for entry in entries:
        result = next(results) if entry.error is None else None
        if isinstance(result, Exception):
            entry.error = result
        else:
            entry.result = result
        yield entry


def _finished(source: Source, future: Future[Any]) -> Finished[Source]:
    """Waits for an output to be written."""
    error = _error_of(future)
    return Finished(source, error=error) if error else Finished(source, future.result())


def _error_of(future: Future[Any]) -> Exception | None:
    """The error of one source; what ends the whole run is raised."""
    error = future.exception()
    if error is None or (isinstance(error, Exception) and not isinstance(error, PoolBroken)):
        return error
    raise error
