"""Many sources, three steps each: workers read ahead, this process computes in batches, workers write behind.

What waits between the steps is bounded, results come in the order of the sources, and an error of one source is that
source's alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, Self, TypeVar

from grain_codec.runtime.cores import available_cores
from grain_codec.runtime.worker_pool import PoolBroken, WorkerPool

READ_AHEAD = 3
"""Batches whose sources are read before their turn."""

WRITE_BEHIND = 2
"""Outputs for each worker that may wait to be written."""

THREADS_WITHOUT_WORKERS = 2

Source = TypeVar("Source")
Input = TypeVar("Input")
Kept = TypeVar("Kept")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Read(Generic[Input, Kept]):
    """What reading a source gives.

    Attributes:
        input: what is computed with, in this process.
        kept: what the writing of the result needs besides the result.
    """

    input: Input
    kept: Kept


@dataclass(frozen=True)
class Finished(Generic[Source]):
    """What became of one source.

    Attributes:
        source: what was given for it.
        result: what was computed, or, where there is a `write`, what that returned; None after an error.
        error: why there is no result.
    """

    source: Source
    result: Any = None
    error: Exception | None = None


@dataclass
class _Entry(Generic[Source]):
    """One source on its way: what was read of it, or why it failed."""

    source: Source
    kept: Any = None
    error: Exception | None = None


@dataclass
class _Batch(Generic[Source]):
    """Sources that were read together; `results` waits for those that did not fail, in their order."""

    entries: list[_Entry[Source]] = field(default_factory=list)
    results: Callable[[], Iterable[Any]] = tuple


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
            PoolBroken: the workers die whatever they do.
        """
        computed = self._computed(sources, read, start)
        if write is None:
            for entry, result in computed:
                yield Finished(entry.source, result, entry.error)
            return
        waiting: deque[tuple[Source, Future[Any]]] = deque()
        for entry, result in computed:
            waiting.append((entry.source, self._written(write, entry, result)))
            while len(waiting) > WRITE_BEHIND * max(self.workers, 1):
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())

    def _written(self, write: Callable[[Source, Kept, Any], Any], entry: _Entry[Source], result: Any) -> Future[Any]:
        """The future of an output; that of a source that failed has failed already."""
        if entry.error is None:
            return self.executor.submit(write, entry.source, entry.kept, result)
        failed: Future[Any] = Future()
        failed.set_exception(entry.error)
        return failed

    def _computed(
        self, sources: Iterable[Source], read: Callable[[Source], Read[Any, Any]], start: Callable[..., Any]
    ) -> Iterator[tuple[_Entry[Source], Any]]:
        """Sources with their results; as many batches are under way at once as there are slots."""
        ahead = self._read_ahead(sources, read)
        under_way: deque[_Batch[Source]] = deque()
        while batch := self._next_batch(ahead, start):
            under_way.append(batch)
            if len(under_way) == self.slots:
                yield from _results(under_way.popleft())
        while under_way:
            yield from _results(under_way.popleft())

    def _read_ahead(
        self, sources: Iterable[Source], read: Callable[[Source], Read[Any, Any]]
    ) -> Iterator[tuple[Source, Future[Read[Any, Any]]]]:
        """Sources and what workers will have read of each, some batches ahead of whoever takes them."""
        remaining = iter(sources)
        ahead: deque[tuple[Source, Future[Read[Any, Any]]]] = deque()

        def submit(count: int) -> None:
            ahead.extend((source, self.executor.submit(read, source)) for source in islice(remaining, count))

        submit(READ_AHEAD * self.batch_size)
        while ahead:
            yield ahead.popleft()
            submit(1)

    def _next_batch(
        self, ahead: Iterator[tuple[Source, Future[Read[Any, Any]]]], start: Callable[..., Any]
    ) -> _Batch[Source] | None:
        """Starts to compute the next batch; None at the end."""
        batch = _Batch[Source]()
        inputs: list[Any] = []
        while len(inputs) < self.batch_size and len(batch.entries) < READ_AHEAD * self.batch_size:
            taken = next(ahead, None)
            if taken is None:
                break
            source, future = taken
            error = _error_of(future)
            if error is None:
                found = future.result()
                inputs.append(found.input)
                batch.entries.append(_Entry(source, found.kept))
            else:
                batch.entries.append(_Entry(source, error=error))
        if inputs:
            batch.results = start(inputs)
        return batch if batch.entries else None


def _results(batch: _Batch[Source]) -> Iterator[tuple[_Entry[Source], Any]]:
    """The sources of a batch in order, with their results."""
    results = iter(batch.results())
    for entry in batch.entries:
        result = next(results) if entry.error is None else None
        if isinstance(result, Exception):
            entry.error, result = result, None
        yield entry, result


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
