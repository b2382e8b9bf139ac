"""How long encoding takes: batches by themselves, and a folder of photographs to a folder of files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from grain_codec.benchmarks.speed.timing import Row, measure, row_of
from grain_codec.formats.images.pictures import read_face
from PIL import Image

from grain_codec.codec import Codec
from grain_codec.errors import TooLarge
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.runtime.encode_pipeline import EncodedFace, EncodePipeline, Photograph, Settings

WAYS = {
    "quality 5": Settings(quality=5),
    "at most 300 bytes": Settings(max_bytes=300),
    "effort 1": Settings(quality=5, effort=1),
}
ONLY_WAY = {"the only quality": Settings()}


def encoding_rows(codec: Codec, faces: Sequence[np.ndarray], seconds: float) -> Iterator[Row]:
    """Faces uint8 `[S, S, 3]` as one batch, with all that is coded done in this process."""
    for name, settings in _ways(codec).items():
        timing = measure(partial(codec.encode_faces, faces, **vars(settings)), codec.device, seconds)
        yield row_of(f"encode, {name}", len(faces), timing)


def photograph_rows(
    codec: Codec, face: np.ndarray, count: int, folder: Path, workers: int, seconds: float
) -> Iterator[Row]:
    """A folder of JPEG to a folder of .grain without a search, workers started before the clock."""
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "JPEG", quality=95)
    sources = [folder / f"{index:04}.jpg" for index in range(count)]
    for source in sources:
        source.write_bytes(buffer.getvalue())
    for name, settings in _ways(codec).items():
        if settings.effort:
            continue
        with EncodePipeline(codec, settings, workers=workers) as pipeline:

            def encode_all() -> None:
                faces = list(pipeline.encode(sources, PhotographReader(codec.spec.image_size), write_file))
                assert all(face.error is None or isinstance(face.error, TooLarge) for face in faces)

            timing = measure(encode_all, codec.device, seconds)
            label = f"folder of {count} JPEG, {name}, {workers} workers, batches of {pipeline.batch_size}"
        yield row_of(label, count, timing)


def _ways(codec: Codec) -> dict[str, Settings]:
    """What is measured of a model: the published kind has one quality, and nothing to search for."""
    return WAYS if isinstance(codec.spec, Face1024Spec) else ONLY_WAY


@dataclass(frozen=True)
class PhotographReader:
    """Reads photographs at a model's size; travels to workers."""

    size: int

    def __call__(self, source: Path) -> Photograph:
        return Photograph(read_face(source.read_bytes(), source.name, self.size))


def write_file(source: Path, face: EncodedFace) -> int:
    """Writes a file beside its photograph; the bytes written."""
    return source.with_suffix(".grain").write_bytes(face.data)
