"""Many files to many faces: reading and entropy decoding ahead, drawing in batches, writing behind.

Worker processes read files and decode their symbols, and write the pictures; this process draws. What waits
between the stages is bounded, results come in the order of the files, and an error in one file is that
file's alone. `encode_pipeline.py` goes the other way by the same stages.

    with DecodePipeline(codec, batch_size=8) as pipeline:
        for face in pipeline.decode(paths):
            show(face.pixels)                # or face.error, one of grain_codec.errors or an OSError

Importing this loads no torch: workers do without it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from grain_codec.codec import Codec, FaceFiles
from grain_codec.errors import NotGrain
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.records import records_of
from grain_codec.runtime.cores import available_cores
from grain_codec.weights import read_model

READ_AHEAD = 3
"""Batches whose files are read before their turn."""

WRITE_BEHIND = 2
"""Outputs for each worker that may wait to be written."""

THREADS_WITHOUT_WORKERS = 2
GPU_BATCH = 16
PUBLISHED_GPU_BATCH = 4
"""Of grain-2022, whose fusion holds 224 channels of 1024x1024 pixels for each face: 0.9 GB of float32, and as much
again of what they are made of."""

CPU_BATCH = 1
MOST_BYTES = 1 << 24
"""Bound on what is read of one file; a .grain file has at most one sixteenth of it."""

Made = tuple[Any, Any]
"""A source, and what was made of it, or the error that kept it from being made."""

Batch = tuple[list[Made | None], list[Any], Callable[[], Iterable[Any]] | None]
"""Under way: what failed, in its place, and None for each of the others; the sources of these; waits for results."""

Read = Callable[[Any], bytes]
Write = Callable[[Any, Any], Any]


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


class Pipeline(ABC):
    """The stages of many files: workers read ahead and write behind, and batches are made in this process."""

    def __init__(self, codec: Codec, batch_size: int | None, workers: int | None, seats: int = 1):
        """Workers start with the first file.

        Args:
            batch_size: faces made at once; None takes what suits the device.
            workers: processes for reading and writing, None for one a core; 0 does both in threads here.
            seats: batches that may be under way at once.
        """
        self.batch_size = batch_size or usual_batch(codec)
        self.workers = available_cores() if workers is None else workers
        self._codec, self._seats = codec, seats
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

    @abstractmethod
    def _start(self, inputs: list[Any]) -> Callable[[], Iterable[Any]]:
        """Starts to make a batch of what was read; the call returned waits for results, one or an error for each."""

    def _started(self) -> Executor:
        """The pool of workers."""
        if self._executor is None and not self.workers:
            self._executor = ThreadPoolExecutor(THREADS_WITHOUT_WORKERS)
        elif self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, context, _ignore_interrupts)
        return self._executor

    def _made(self, sources: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[Made]:
        """Sources with their results; as many batches are under way at once as there are seats."""
        ahead = self._read_ahead(sources, read)
        under_way: deque[Batch] = deque()
        while batch := self._next_batch(ahead):
            under_way.append(batch)
            if len(under_way) == self._seats:
                yield from _finished(*under_way.popleft())
        while under_way:
            yield from _finished(*under_way.popleft())

    def _read_ahead(self, sources: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[tuple[Any, Future]]:
        """Sources and what workers will have read of each, some batches ahead of whoever takes them."""
        executor = self._started()
        remaining = iter(sources)
        ahead: deque[tuple[Any, Future]] = deque()

        def submit(count: int) -> None:
            ahead.extend((source, executor.submit(read, source)) for source in islice(remaining, count))

        submit(READ_AHEAD * self.batch_size)
        while ahead:
            yield ahead.popleft()
            submit(1)

    def _next_batch(self, ahead: Iterator[tuple[Any, Future]]) -> Batch | None:
        """Starts to make the next batch; None at the end."""
        places: list[Made | None] = []
        sources, inputs = [], []
        while len(inputs) < self.batch_size and len(places) < READ_AHEAD * self.batch_size:
            source, future = next(ahead, (None, None))
            if future is None:
                break
            error = future.exception()
            if error is None:
                places.append(None)
                sources.append(source)
                inputs.append(future.result())
            else:
                places.append((source, _error_of_one(error)))
        if not places:
            return None
        return places, sources, self._start(inputs) if inputs else None

    def _written(self, made: Iterator[Made], write: Write) -> Iterator[Face]:
        """Results that were written by workers."""
        executor = self._started()
        waiting: deque[Face | tuple[Any, Future]] = deque()
        for source, result in made:
            if isinstance(result, Exception):
                waiting.append(Face(source, error=result))
            else:
                waiting.append((source, executor.submit(write, source, result)))
            while len(waiting) > WRITE_BEHIND * max(self.workers, 1):
                yield _written_face(waiting.popleft())
        while waiting:
            yield _written_face(waiting.popleft())


class DecodePipeline(Pipeline):
    """Decodes files, many at a time; see the module's docstring."""

    def __init__(
        self,
        codec: Codec,
        output: str | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
        fine_quality: int | None = None,
    ):
        """See `Pipeline`.

        Args:
            output: one of the codec's pictures; None means the first.
            fine_quality: for carriers that have lost their private chunk.

        Raises:
            WrongModel: the weights cannot draw `output`.
        """
        from grain_codec.runtime.batch_renderer import Artist

        self.artist = Artist(codec, output, batch_size or usual_batch(codec))
        super().__init__(codec, batch_size, workers, self.artist.seats)
        self._fine_quality = fine_quality

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
        record = partial(_record, self._codec.files.model.path, self._fine_quality, read or read_bytes)
        made = self._made(sources, record)
        if write is not None:
            yield from self._written(made, write)
            return
        for source, result in made:
            failed = isinstance(result, Exception)
            yield Face(source, error=result) if failed else Face(source, pixels=result)

    def _start(self, inputs: list[np.ndarray]) -> Callable[[], Iterable[np.ndarray]]:
        """Starts to draw records; each face has pixels of its own."""
        drawn = self.artist.start(inputs)
        return lambda: drawn.pixels().copy()


def usual_batch(codec: Codec) -> int:
    """Faces at once that suit a codec's device and the size of its networks."""
    if codec.device.type != "cuda":
        return CPU_BATCH
    return PUBLISHED_GPU_BATCH if isinstance(codec.spec, Grain2022Spec) else GPU_BATCH


def read_bytes(source: bytes | str | os.PathLike) -> bytes:
    """The bytes of a file, or bytes themselves; raises NotGrain for a file far larger than any face."""
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise NotGrain(f"more than {MOST_BYTES} bytes are no .grain file and no carrier")
    return data


def _finished(
    places: list[Made | None], sources: list[Any], results: Callable[[], Iterable[Any]] | None
) -> Iterator[Made]:
    """The sources of a batch in order, with their results."""
    made = zip(sources, results() if results else ())
    for place in places:
        yield next(made) if place is None else place


def _written_face(waiting: Face | tuple[Any, Future]) -> Face:
    """Waits for an output to be written."""
    if isinstance(waiting, Face):
        return waiting
    source, future = waiting
    error = future.exception()
    return Face(source, written=future.result()) if error is None else Face(source, error=_error_of_one(error))


def _error_of_one(error: BaseException) -> Exception:
    """An error that is one file's; what ends the whole run is raised."""
    if isinstance(error, BrokenProcessPool) or not isinstance(error, Exception):
        raise error
    return error


def _record(model: Path, fine_quality: int | None, read: Read, source: Any) -> np.ndarray:
    """Reads one file down to its last symbol."""
    files = files_at(model)
    return records_of(files.spec).pack(files.read(read(source), fine_quality))


@lru_cache(maxsize=1)
def files_at(model: Path) -> FaceFiles:
    """What reads and writes a model's files; a process reads its weights file once."""
    return FaceFiles(read_model(model))


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one ends the others when they have finished their file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
