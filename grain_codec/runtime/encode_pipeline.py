"""Many photographs to many files: reading ahead, encoding in batches, writing behind; see `pipeline.py`.

Worker processes read photographs and write files, and code the symbols of a batch while this process waits:
on a GPU the networks take far less time than that. Only a search for nearer symbols codes them here.

    with EncodePipeline(codec, Settings(max_bytes=300)) as pipeline:
        for face in pipeline.encode(paths, read, write):
            print(face.source, face.written or face.error)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grain_codec.codec import DEFAULT_QUALITY, Chunks, Codec
from grain_codec.models.payloads import AnySymbols, Stored
from grain_codec.runtime.decode_pipeline import Face, Pipeline, files_at


@dataclass(frozen=True)
class Settings:
    """What is asked of every file; see `Codec.encode_face`."""

    quality: int = DEFAULT_QUALITY
    max_bytes: int | None = None
    carrier: str = "grain"
    effort: int = 0


@dataclass(frozen=True)
class Photograph:
    """A face as it was read.

    Attributes:
        pixels: uint8 `[S, S, 3]`.
        chunks: what travels along.
        notices: what the user should know of it.
    """

    pixels: np.ndarray
    chunks: Chunks = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class EncodedFace:
    """A file's bytes, and the notices of its photograph."""

    data: bytes
    notices: tuple[str, ...]


class EncodePipeline(Pipeline):
    """Encodes photographs, many at a time."""

    def __init__(self, codec: Codec, settings: Settings, batch_size: int | None = None, workers: int | None = None):
        """See `Pipeline`."""
        super().__init__(codec, batch_size, workers)
        self._settings = asdict(settings)

    def encode(
        self, sources: Iterable[Any], read: Callable[[Any], Photograph], write: Callable[[Any, EncodedFace], Any]
    ) -> Iterator[Face]:
        """Encodes photographs in order.

        Args:
            sources: whatever `read` takes.
            read: gives a source's photograph. Both functions must be picklable unless there are 0 workers.
            write: takes a source and its file, as soon as it is made and in whatever order.

        Yields:
            A Face without pixels for each source.

        Raises:
            BrokenProcessPool: a worker was killed.
        """
        yield from self._written(self._made(sources, read), write)

    def _start(self, inputs: list[Photograph]) -> Callable[[], Iterable[EncodedFace | Exception]]:
        """Encodes a batch, at once."""
        encoded = self._encoded(inputs)
        results = [
            data if isinstance(data, Exception) else EncodedFace(data, each.notices)
            for data, each in zip(encoded, inputs)
        ]
        return lambda: results

    def _encoded(self, photographs: Sequence[Photograph]) -> list[bytes | Exception]:
        """The file of each face, or why there is none."""
        pixels, chunks = [each.pixels for each in photographs], [each.chunks for each in photographs]
        try:
            return list(self._codec.encode_faces(pixels, **self._settings, chunks=chunks, code=self._code))
        except BrokenProcessPool:
            raise
        except Exception as error:  # of one face or of the batch, as where the device has no memory for it
            if len(photographs) == 1:
                return [error]
        return [each for photograph in photographs for each in self._encoded([photograph])]

    def _code(self, symbols: Sequence[AnySymbols]) -> Iterator[Stored]:
        """Payloads that the workers make."""
        return self._started().map(partial(_stored, self._codec.files.model.path), symbols)


def _stored(model: Path, symbols: AnySymbols) -> Stored:
    """What a face's symbols are coded as."""
    return files_at(model).coder.encode(symbols)
