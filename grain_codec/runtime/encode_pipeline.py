"""Many photographs to many files: reading ahead, encoding in batches, writing behind.

Worker processes read photographs and write files, and entropy-code the symbols of a batch while this process waits:
on a GPU the networks take far less time than that. Only a search for nearer symbols entropy-codes them here.

    with EncodePipeline(codec) as pipeline:
        for face in pipeline.encode(paths, read, write):
            print(face.source, face.result or face.error)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from grain_codec.codec import Codec, Pixels, file_codec
from grain_codec.models.family import Payload, Symbols
from grain_codec.runtime.pipeline import Finished, Kept, Pipeline, Read, Source
from grain_codec.runtime.worker_pool import PoolBroken
from grain_codec.settings import EncodeSettings


@dataclass(frozen=True)
class FaceToEncode:
    """A face uint8 `[S, S, 3]`, and what is asked of its file."""

    pixels: Pixels
    settings: EncodeSettings


class EncodePipeline(Pipeline):
    """Encodes photographs, many at a time."""

    def __init__(self, codec: Codec, batch_size: int | None = None, workers: int | None = None):
        """See `Pipeline`; the batch size is None for what suits the model and its device."""
        super().__init__(batch_size or codec.family.usual_batch(codec.device), workers)
        self.codec = codec

    def encode(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Read[FaceToEncode, Kept]],
        write: Callable[[Source, Kept, bytes], Any] | None = None,
    ) -> Iterator[Finished[Source]]:
        """Encodes photographs in order.

        `read` gives the face of a source. `write` takes a source, what `read` kept of it, and the bytes of its file.
        Yields for each source what `write` returned, or the bytes, or its error; see `Pipeline.run`.
        """
        yield from self.run(sources, read, self.start, write)

    def start(self, faces: Sequence[FaceToEncode]) -> Callable[[], Iterable[bytes | Exception]]:
        """Encodes a batch, at once."""
        encoded = self._encoded(faces)
        return lambda: encoded

    def _encoded(self, faces: Sequence[FaceToEncode]) -> list[bytes | Exception]:
        """The file of each face, or why there is none."""
        pixels, settings = [each.pixels for each in faces], [each.settings for each in faces]
        try:
            return list(self.codec.encode_batch(pixels, settings, self._code))
        except PoolBroken:
            raise
        except Exception as error:  # of one face or of the batch, as where the device has no memory for it
            if len(faces) == 1:
                return [error]
        return [encoded for face in faces for encoded in self._encoded([face])]

    def _code(self, symbols: Sequence[Symbols]) -> Iterator[Payload]:
        """Payloads that the workers make."""
        return self.executor.map(partial(_payload, str(self.codec.files.model.path)), symbols)


def _payload(model: str, symbols: Symbols) -> Payload:
    """Entropy-codes a face's symbols in a worker."""
    payload: Payload = file_codec(model).coder.encode(symbols)
    return payload
