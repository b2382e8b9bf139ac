"""Many files to many faces: reading and entropy decoding ahead, drawing in batches, writing behind.

    with DecodePipeline(codec, batch_size=8) as pipeline:
        for face in pipeline.decode(paths):
            show(face.result)                # or face.error, one of grain_codec.errors or an OSError

Importing this loads no torch: workers do without it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grain_codec.codec import Codec, FaceFile, Pixels, file_codec
from grain_codec.errors import NotGrain
from grain_codec.runtime.pipeline import Finished, Kept, Pipeline, Read, Source

MOST_BYTES = 1 << 24  # Bound on what is read of one file; a .grain file has at most one sixteenth of it.


@dataclass(frozen=True)
class FileReader:
    """Reads a file, or its bytes, down to its last symbol; travels to other processes."""

    model: str  # Name of the model, or path of its weights file.
    fine_quality: int | None = None  # For carriers that have lost their private chunk.

    def __call__(self, source: str | os.PathLike[str] | bytes) -> Read[FaceFile, None]:
        """Raises GrainError or OSError where the source is no file of the model."""
        return Read(file_codec(self.model).read(read_bytes(source), self.fine_quality), None)


class DecodePipeline(Pipeline):
    """Decodes files, many at a time."""

    def __init__(
        self, codec: Codec, output: str | None = None, batch_size: int | None = None, workers: int | None = None
    ):
        """See `Pipeline`; the batch size is None for what suits the model and its device.

        `output` is one of the codec's pictures, the first where it is None. Raises WrongModel where there is no such
        picture.
        """
        from grain_codec.runtime.batch_renderer import BatchRenderer

        batch_size = batch_size or codec.family.usual_batch(codec.device)
        self.codec, self.renderer = codec, BatchRenderer(codec, output, batch_size)
        super().__init__(batch_size, workers, self.renderer.slots)

    def decode(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Read[FaceFile, Kept]] | None = None,
        write: Callable[[Source, Kept, Pixels], Any] | None = None,
    ) -> Iterator[Finished[Source]]:
        """Decodes paths of files, or their bytes, in order.

        A `read` of one's own takes other sources and gives the file of each. `write` takes a source, what `read` kept
        of it, and its pixels uint8 `[S, S, 3]`. Yields for each source what `write` returned, or its pixels, or its
        error; see `Pipeline.run`.
        """
        reader: Callable[[Any], Read[FaceFile, Any]] = read or FileReader(str(self.codec.files.model.path))
        yield from self.run(sources, reader, self.start, write)

    def start(self, files: Sequence[FaceFile]) -> Callable[[], Iterable[Pixels]]:
        """Starts to draw the faces of files; each has pixels of its own."""
        wait = self.renderer.start([self.renderer.coder.pack(file.symbols) for file in files])
        return lambda: map(FaceFile.coloured, files, np.copy(wait()))


def read_bytes(source: bytes | str | os.PathLike[str]) -> bytes:
    """The bytes of a file, or bytes themselves; raises NotGrain for a file far larger than any face."""
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise NotGrain(f"more than {MOST_BYTES} bytes are no .grain file and no carrier")
    return data
