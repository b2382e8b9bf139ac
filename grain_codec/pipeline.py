"""Many files to many faces: reading and entropy decoding ahead, drawing in batches, writing behind.

Worker processes read files and decode their symbols, and write the pictures; this process draws. What waits
between the stages is bounded, results come in the order of the files, and an error in one file is that
file's alone.

    with DecodePipeline(codec, batch_size=8) as pipeline:
        for face in pipeline.decode(paths):
            show(face.pixels)                # or face.error, one of grain_codec.errors or an OSError

Importing this loads no torch: workers do without it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from grain_codec.codec import Codec, FaceFiles
from grain_codec.records import records_of
from grain_codec.weights import read_model

if TYPE_CHECKING:
    from grain_codec.drawing import Drawn

READ_AHEAD = 3
"""Batches whose files are read before they are drawn."""

WRITE_BEHIND = 2
"""Pictures for each worker that may wait to be written."""

THREADS_WITHOUT_WORKERS = 2
GPU_BATCH = 16
CPU_BATCH = 1

Batch = tuple[list["Face | None"], list[Any], "Drawn | None"]
"""Under way: what failed, in its place, and None for each face that is drawn; the sources of these; their pixels."""

Read = Callable[[Any], bytes]
Write = Callable[[Any, np.ndarray], Any]


@dataclass(frozen=True)
class Face:
    """What became of one file.

    Attributes:
        source: what was given for it.
        pixels: uint8 `[S, S, 3]`; None after an error, and where a `write` has taken it.
        written: what `write` returned.
        error: why there is no face.
    """

    source: Any
    pixels: np.ndarray | None = None
    written: Any = None
    error: Exception | None = None


class DecodePipeline:
    """Decodes files, many at a time; see the module's docstring."""

    def __init__(
        self,
        codec: Codec,
        output: str | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
        fine_quality: int | None = None,
    ):
        """Workers start with the first file.

        Args:
            output: one of the codec's pictures; None means the first.
            batch_size: faces drawn at once; None takes what suits the device.
            workers: processes for reading and writing, None for one a core; 0 does both in threads here.
            fine_quality: for carriers that have lost their private chunk.

        Raises:
            WrongModel: the weights cannot draw `output`.
        """
        from grain_codec.drawing import Artist

        self.batch_size = batch_size or (GPU_BATCH if codec.device.type == "cuda" else CPU_BATCH)
        self.artist = Artist(codec, output, self.batch_size)
        self.workers = available_cores() if workers is None else workers
        self._codec, self._fine_quality = codec, fine_quality
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers; what they had not begun is dropped."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def decode(self, sources: Iterable[Any], read: Read | None = None, write: Write | None = None) -> Iterator[Face]:
        """Decodes files in order.

        Args:
            sources: paths of files, or their bytes; with a `read` of one's own, whatever it takes.
            read: gives a source's bytes. Both functions must be picklable unless there are 0 workers.
            write: takes a source and its pixels, as soon as they are drawn and in whatever order.

        Yields:
            A Face for each source.

        Raises:
            BrokenProcessPool: a worker was killed.
        """
        executor = self._started()
        symbols = self._read_ahead(executor, sources, self._reading(read or read_bytes))
        if write is None:
            yield from self._drawn(symbols)
        else:
            yield from self._written(executor, symbols, write)

    def _started(self) -> Executor:
        """The pool of workers."""
        if self._executor is None and not self.workers:
            self._executor = ThreadPoolExecutor(THREADS_WITHOUT_WORKERS)
        elif self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, context, _ignore_interrupts)
        return self._executor

    def _reading(self, read: Read) -> Callable[[Any], np.ndarray]:
        """Makes the record of a source, in whatever process."""
        return partial(_record, self._codec.files.model.path, self._fine_quality, read)

    def _read_ahead(
        self, executor: Executor, sources: Iterable[Any], task: Callable[[Any], np.ndarray]
    ) -> Iterator[tuple[Any, Future]]:
        """Sources and the future records of each, some batches ahead of whoever takes them."""
        remaining = iter(sources)
        ahead: deque[tuple[Any, Future]] = deque()

        def submit(count: int) -> None:
            ahead.extend((source, executor.submit(task, source)) for source in islice(remaining, count))

        submit(READ_AHEAD * self.batch_size)
        while ahead:
            yield ahead.popleft()
            submit(1)

    def _drawn(self, symbols: Iterator[tuple[Any, Future]]) -> Iterator[Face]:
        """Faces with their pixels; as many batches are on the device at once as it has seats."""
        under_way: deque[Batch] = deque()
        while batch := self._next_batch(symbols):
            under_way.append(batch)
            if len(under_way) == self.artist.seats:
                yield from _finished(*under_way.popleft())
        while under_way:
            yield from _finished(*under_way.popleft())

    def _next_batch(self, symbols: Iterator[tuple[Any, Future]]) -> Batch | None:
        """Starts to draw the next batch; None at the end."""
        places: list[Face | None] = []
        sources, records = [], []
        while len(records) < self.batch_size and len(places) < READ_AHEAD * self.batch_size:
            source, future = next(symbols, (None, None))
            if future is None:
                break
            error = future.exception()
            if error is None:
                places.append(None)
                sources.append(source)
                records.append(future.result())
            else:
                places.append(_failed_face(source, error))
        if not places:
            return None
        return places, sources, self.artist.start(records) if records else None

    def _written(self, executor: Executor, symbols: Iterator[tuple[Any, Future]], write: Write) -> Iterator[Face]:
        """Faces that were written by workers."""
        waiting: deque[Face | tuple[Any, Future]] = deque()
        for face in self._drawn(symbols):
            if face.error is None:
                waiting.append((face.source, executor.submit(write, face.source, face.pixels)))
            else:
                waiting.append(face)
            while len(waiting) > WRITE_BEHIND * max(self.workers, 1):
                yield _written_face(waiting.popleft())
        while waiting:
            yield _written_face(waiting.popleft())


def read_bytes(source: bytes | str | os.PathLike) -> bytes:
    """The bytes of a file, or bytes themselves."""
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def available_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _finished(places: list[Face | None], sources: list[Any], drawn: Drawn | None) -> Iterator[Face]:
    """The faces of a batch in order, each with pixels of its own."""
    pixels = drawn.pixels().copy() if drawn else ()
    faces = (Face(source, pixels=each) for source, each in zip(sources, pixels))
    for place in places:
        yield next(faces) if place is None else place


def _written_face(waiting: Face | tuple[Any, Future]) -> Face:
    """Waits for a picture to be written."""
    if isinstance(waiting, Face):
        return waiting
    source, future = waiting
    error = future.exception()
    return _failed_face(source, error) if error is not None else Face(source, written=future.result())


def _failed_face(source: Any, error: BaseException) -> Face:
    """A file's error as its result; what ends the whole run is raised."""
    if isinstance(error, BrokenProcessPool) or not isinstance(error, Exception):
        raise error
    return Face(source, error=error)


def _record(model: Path, fine_quality: int | None, read: Read, source: Any) -> np.ndarray:
    """Reads one file down to its last symbol."""
    files = _files_at(model)
    return records_of(files.spec).pack(files.read(read(source), fine_quality))


@lru_cache(maxsize=1)
def _files_at(model: Path) -> FaceFiles:
    return FaceFiles(read_model(model))


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one ends the others when they have finished their file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
