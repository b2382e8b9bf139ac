"""Many photographs through the pipeline: the same files as one by one, in order, whatever is among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from grain_codec.formats.container import MOST_CHUNK_BYTES, Chunk

from grain_codec.codec import Codec, load_model
from grain_codec.errors import BadImage, TooLarge
from grain_codec.runtime.decode_pipeline import Face
from grain_codec.runtime.encode_pipeline import EncodedFace, EncodePipeline, Photograph, Settings
from grain_codec.settings import EncodeSettings

COMMENT = Chunk(128, b"who and where")


@pytest.fixture(scope="module")
def small(small_weights: Path) -> Codec:
    """A model of the published kind for 64 px faces, which analyses the faces of a batch one by one."""
    return load_model(str(small_weights), "cpu")


@pytest.fixture(scope="module")
def pictures(small_face: np.ndarray) -> list[np.ndarray]:
    """A face in four ways."""
    return [small_face, small_face[:, ::-1].copy(), 255 - small_face, small_face[::-1].copy()]


def through(codec: Codec, photographs: list, settings: Settings = Settings(), workers: int = 0) -> list[Face]:
    """Photographs, or errors in place of them, through batches of three; what is written is what was made."""
    with EncodePipeline(codec, settings, batch_size=3, workers=workers) as pipeline:
        return list(pipeline.encode(photographs, read, keep))


def read(source: Photograph | Exception) -> Photograph:
    """Reads what is there already."""
    if isinstance(source, Exception):
        raise source
    return source


def keep(source: Photograph, face: EncodedFace) -> EncodedFace:
    """Writes nothing."""
    return face


def test_files_are_those_of_single_faces(small: Codec, pictures: list[np.ndarray]) -> None:
    photographs = [Photograph(pixels, (COMMENT,), (f"notice {index}",)) for index, pixels in enumerate(pictures * 2)]
    faces = through(small, photographs)
    assert [face.source for face in faces] == photographs
    for face in faces:
        expected = small.encode(face.source.pixels, EncodeSettings(chunks=(COMMENT,)))
        assert face.written == EncodedFace(expected, face.source.notices)


def test_workers_code_the_same_files(codec: Codec, face: np.ndarray) -> None:
    [only] = through(codec, [Photograph(face)], Settings(quality=2), workers=1)
    assert only.written.data == codec.encode(face, EncodeSettings(quality=2))


def test_an_error_is_one_faces_alone(small: Codec, pictures: list[np.ndarray]) -> None:
    """Of reading, of a face that the batch chokes on, and of one that does not fit."""
    sizes = [len(small.encode(pixels)) for pixels in pictures]
    largest = int(np.argmax(sizes))
    assert sorted(sizes)[-2] < max(sizes)
    bulky = Photograph(pictures[0], (Chunk(128, bytes(MOST_CHUNK_BYTES)),))
    photographs = [FileNotFoundError("gone"), bulky, *map(Photograph, pictures), Photograph(pictures[0][:32])]
    faces = through(small, photographs, Settings(max_bytes=max(sizes) - 1))
    assert [type(face.error) for face in faces[:2]] == [FileNotFoundError, BadImage]
    assert isinstance(faces[-1].error, BadImage)
    for index, face in enumerate(faces[2:-1]):
        assert isinstance(face.error, TooLarge) == (index == largest)
        assert index == largest or face.written.data == small.encode(pictures[index])


def test_reads_no_further_than_its_bound(small: Codec, pictures: list[np.ndarray]) -> None:
    taken = 0

    def sources() -> Iterator[Photograph]:
        nonlocal taken
        for taken in range(1, 1001):
            yield Photograph(pictures[0])

    with EncodePipeline(small, Settings(), batch_size=2, workers=0) as pipeline:
        faces = pipeline.encode(sources(), read, keep)
        next(faces)
        assert taken <= 20
        faces.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_search_on_a_gpu_takes_batches(codec: Codec, faces: dict[str, np.ndarray]) -> None:
    """As near as the CPU's, in no more bytes; where two levels are equally near, another may be chosen."""
    on_gpu = Codec(codec.files.model, torch.device("cuda"))
    for face in through(on_gpu, list(map(Photograph, faces.values())), Settings(max_bytes=300, effort=1)):
        alone = codec.encode(face.source.pixels, EncodeSettings(max_bytes=300, effort=1))
        drawn = (codec.decode(data).astype(float) for data in (face.written.data, alone))
        error, usual = (np.square(each - face.source.pixels).mean() for each in drawn)
        assert len(face.written.data) <= 300 and error < usual * 1.02
