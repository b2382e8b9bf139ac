"""The one pool of worker processes: batches, pipelines and benchmarks run their functions in it.

    with WorkerPool(4) as pool:
        for path, future in in_order(pool, convert, paths, window=64):
            print(path, future.result())

`concurrent.futures.ProcessPoolExecutor` gives up when one of its processes dies. Here only the function that the
process was running fails, with `WorkerDied`, and a new process takes its place: among thousands of files from
anywhere there may be one that exhausts the memory.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, TypeVar

from grain_codec.errors import GrainError
from grain_codec.runtime.cores import available_cores

MOST_LOSSES = 3  # Processes that may die in a row without any of them finishing a function.

SECONDS_TO_STOP = 5

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class WorkerDied(GrainError):
    """The process that ran a function ended before the function did."""


class PoolBroken(Exception):
    """The pool has given up, because one process after another died."""


@dataclass
class _Call:
    """A function with its arguments, and where its result goes."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class WorkerPool(Executor):
    """Spawned processes that run picklable functions.

    Interruptions by Ctrl-C reach this process alone: it decides what becomes of the workers. `shutdown`, which
    leaving the `with` statement calls, ends a process that is running a function by SIGTERM, and the function
    unwinds, so that its temporary files are removed.
    """

    def __init__(self, count: int, threads_each: int | None = None):
        """Starts its processes with the first function.

        Each process computes with `threads_each` threads; None shares the cores out.
        """
        self._count = count
        self._threads = threads_each or max(1, available_cores() // count)
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._processes: set[BaseProcess] = set()
        self._threads_here: list[threading.Thread] = []
        self._losses = 0
        self._broken: PoolBroken | None = None
        self._closed = False

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        """Runs a function in one of the processes.

        The future fails with what the function raises, with `WorkerDied` where the process ended, or with `PoolBroken`
        where the pool has given up.
        """
        call = _Call(function, arguments, keywords)
        if self._closed:
            raise RuntimeError("the pool is shut down")
        if len(self._threads_here) < self._count:
            thread = threading.Thread(target=self._serve, daemon=True)
            self._threads_here.append(thread)
            thread.start()
        self._calls.put(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes and cancels what they have not begun, with `cancel_futures` also what they are running."""
        self._closed = True
        self._cancel_waiting(lambda future: future.cancel())
        for _ in self._threads_here:
            self._calls.put(None)
        if cancel_futures:
            with self._lock:
                for process in self._processes:
                    process.terminate()
        if wait:
            for thread in self._threads_here:
                thread.join()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Ends the processes; an error in this process interrupts what they are running."""
        self.shutdown(cancel_futures=kind is not None)

    def _serve(self) -> None:
        """Life of a thread in this process: hands functions to one process and takes their results."""
        worker: tuple[BaseProcess, Connection] | None = None
        while (call := self._calls.get()) is not None:
            if not call.future.set_running_or_notify_cancel():
                continue
            if self._broken is not None:
                call.future.set_exception(self._broken)
                continue
            worker = worker or self._start()
            if worker is None:
                call.future.set_exception(WorkerDied("the pool was shut down"))
                continue
            if not self._run(call, *worker):
                worker = None
        if worker is not None:
            self._end(*worker)

    def _run(self, call: _Call, process: BaseProcess, connection: Connection) -> bool:
        """Runs a function in a process; whether the process survived it."""
        try:
            connection.send((call.function, call.arguments, call.keywords))
            succeeded, result = connection.recv()
        except (EOFError, OSError):
            self._end(process, connection)
            self._count_loss(call.future, process)
            return False
        except Exception as error:  # a function, an argument or a result that cannot be pickled
            self._end(process, connection)
            call.future.set_exception(error)
            return False
        self._losses = 0
        if succeeded:
            call.future.set_result(result)
        else:
            call.future.set_exception(result)
        return True

    def _count_loss(self, future: Future[Any], process: BaseProcess) -> None:
        """Fails the future of a process that died, and gives up where too many died in a row."""
        reason = f"the worker process died ({_ending(process.exitcode)})"
        with self._lock:
            self._losses += 1
            if self._losses > MOST_LOSSES and not self._closed:
                self._broken = PoolBroken(f"{self._losses} worker processes died one after another; {reason}")
        future.set_exception(self._broken or WorkerDied(reason))

    def _start(self) -> tuple[BaseProcess, Connection] | None:
        """A new process and the pipe to it; None after the pool was shut down."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        with self._lock:
            if self._closed:
                return None
            with _environment(OMP_NUM_THREADS=str(self._threads)), _interrupts_blocked():
                process.start()
            self._processes.add(process)
        theirs.close()
        return process, ours

    def _end(self, process: BaseProcess, connection: Connection) -> None:
        """Ends a process that runs nothing, or has died."""
        connection.close()
        process.join(SECONDS_TO_STOP)
        if process.is_alive():
            process.kill()
            process.join()
        with self._lock:
            self._processes.discard(process)

    def _cancel_waiting(self, cancel: Callable[[Future[Any]], object]) -> None:
        """Takes every function that no process has begun off the queue."""
        with suppress(queue.Empty):
            while (call := self._calls.get_nowait()) is not None:
                cancel(call.future)


def in_order(
    executor: Executor, function: Callable[[Item], T], items: Iterable[Item], window: int
) -> Iterator[tuple[Item, Future[T]]]:
    """Runs a function on every item and yields the items in their order, with finished futures.

    At most `window` items are submitted before the first of them is yielded, which bounds what is held.
    """
    remaining = iter(items)
    waiting: deque[tuple[Item, Future[T]]] = deque()

    def submit(count: int) -> None:
        waiting.extend((item, executor.submit(function, item)) for item in islice(remaining, count))

    submit(window)
    while waiting:
        item, future = waiting.popleft()
        future.exception()
        yield item, future
        submit(1)


def _work(connection: Connection) -> None:
    """Life of a worker process: functions in, results out, until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with suppress(EOFError, OSError):
        while True:
            function, arguments, keywords = connection.recv()
            try:
                result = True, function(*arguments, **keywords)
            except Exception as error:
                result = False, error
            try:
                connection.send(result)
            except (TypeError, AttributeError, pickle.PicklingError) as error:
                connection.send((False, RuntimeError(f"the result cannot be sent: {error}")))


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Environment variables that processes started within the `with` statement see.

    A number of threads that the user has set is an upper bound.
    """
    before = {name: os.environ.get(name) for name in variables}
    for name, value in variables.items():
        users = before[name]
        os.environ[name] = str(min(int(value), int(users))) if users and users.isdecimal() else value
    try:
        yield
    finally:
        for name, users in before.items():
            if users is None:
                del os.environ[name]
            else:
                os.environ[name] = users


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks SIGINT in this thread, so that a process started here does not see Ctrl-C before it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The resource tracker would otherwise start with the first process, and unblocks signals when it does.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(exit_code: int | None) -> str:
    """A description of how a process ended."""
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
