"""How long encoding takes: batches by themselves, and a folder of photographs to a folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from grain_codec.benchmarks.speed.decoding import Bench
from grain_codec.benchmarks.speed.timing import Row
from grain_codec.codec import Codec
from grain_codec.errors import TooLarge
from grain_codec.formats.images.reading import read_face
from grain_codec.runtime.encode_pipeline import EncodePipeline, FaceToEncode
from grain_codec.runtime.pipeline import Read
from grain_codec.settings import DEFAULT_EFFORT, DEFAULT_QUALITY, EncodeSettings

WAYS = {
    f"quality {DEFAULT_QUALITY}": EncodeSettings(effort=0),
    "at most 300 bytes": EncodeSettings(max_bytes=300, effort=0),
    f"quality {DEFAULT_QUALITY}, effort {DEFAULT_EFFORT}": EncodeSettings(),
}
ONLY_WAY = {"the only quality": EncodeSettings(effort=0)}


def encoding_rows(bench: Bench, batch: int) -> Iterator[Row]:
    """The face `batch` times, encoded together in this process."""
    for name, settings in _ways(bench.codec).items():
        encode = partial(bench.codec.encode_batch, [bench.face] * batch, [settings] * batch)
        yield bench.stopwatch.row(f"encode, {name}", batch, encode)


def photograph_rows(bench: Bench, count: int, folder: Path, workers: int) -> Iterator[Row]:
    """A folder of JPEG to a folder of .grain without a search, workers started before the clock."""
    sources = [folder / f"{index:04}.jpg" for index in range(count)]
    for source in sources:
        Image.fromarray(bench.face).save(source, "JPEG", quality=95)
    for name, settings in _ways(bench.codec).items():
        if settings.effort:
            continue
        with EncodePipeline(bench.codec, workers=workers) as pipeline:
            read = PhotographReader(bench.codec.spec.image_size, settings)
            label = f"folder of {count} JPEG, {name}, {workers} workers, batches of {pipeline.batch_size}"
            yield bench.stopwatch.row(label, count, partial(_encode_all, pipeline, sources, read))


def _ways(codec: Codec) -> dict[str, EncodeSettings]:
    """The settings to measure a model with; a model with only one quality has nothing to search for."""
    return WAYS if codec.spec.fine_qualities > 1 else ONLY_WAY


def _encode_all(pipeline: EncodePipeline, sources: list[Path], read: PhotographReader) -> None:
    faces = list(pipeline.encode(sources, read, write_file))
    assert all(face.error is None or isinstance(face.error, TooLarge) for face in faces)


@dataclass(frozen=True)
class PhotographReader:
    """Reads photographs at a model's size, to be encoded with some settings; travels to workers."""

    size: int
    settings: EncodeSettings

    def __call__(self, source: Path) -> Read[FaceToEncode, None]:
        """Reads one photograph; raises BadImage or OSError where it cannot."""
        return Read(FaceToEncode(read_face(source.read_bytes(), source.name, self.size), self.settings), None)


def write_file(source: Path, kept: None, data: bytes) -> int:
    """Writes a file beside its photograph; the bytes written."""
    return source.with_suffix(".grain").write_bytes(data)
