"""Many photographs through the pipeline: the same files as one by one, in order, whatever is among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from grain_codec.codec import Codec, load_model
from grain_codec.errors import BadImage, TooLarge
from grain_codec.formats.container import MOST_CHUNK_BYTES, Chunk
from grain_codec.runtime.encode_pipeline import EncodePipeline, FaceToEncode
from grain_codec.runtime.pipeline import Finished, Read
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


def through(codec: Codec, faces: list[FaceToEncode | Exception], workers: int = 0) -> list[Finished]:
    """Faces, or errors in place of them, through batches of three."""
    with EncodePipeline(codec, batch_size=3, workers=workers) as pipeline:
        return list(pipeline.encode(faces, read))


def read(source: FaceToEncode | Exception) -> Read[FaceToEncode, int]:
    """Reads what is there already, and keeps the mean of its pixels."""
    if isinstance(source, Exception):
        raise source
    return Read(source, int(source.pixels.mean()))


def write(source: FaceToEncode, kept: int, data: bytes) -> tuple[int, bytes]:
    """Writes nothing."""
    return kept, data


def to_encode(pixels: np.ndarray, **settings: object) -> FaceToEncode:
    return FaceToEncode(pixels, EncodeSettings(**settings))


def test_files_are_those_of_single_faces(small: Codec, pictures: list[np.ndarray]) -> None:
    faces = [to_encode(pixels, chunks=(COMMENT,)) for pixels in pictures * 2]
    finished = through(small, faces)
    assert [each.source for each in finished] == faces
    for each in finished:
        assert each.result == small.encode(each.source.pixels, EncodeSettings(chunks=(COMMENT,)))


def test_each_face_has_settings_of_its_own(small: Codec, pictures: list[np.ndarray]) -> None:
    carriers = through(small, [to_encode(pictures[0], carrier=carrier) for carrier in ("grain", "png")])
    assert [each.result[1:4] for each in carriers] == [b"GRN", b"PNG"]


def test_what_was_kept_of_a_source_reaches_the_writing(small: Codec, pictures: list[np.ndarray]) -> None:
    with EncodePipeline(small, batch_size=3, workers=1) as pipeline:
        finished = list(pipeline.encode(map(to_encode, pictures), read, write))
    assert [each.result for each in finished] == [(int(each.mean()), small.encode(each)) for each in pictures]


def test_workers_code_the_same_files(codec: Codec, face: np.ndarray) -> None:
    [only] = through(codec, [to_encode(face, quality=2)], workers=1)
    assert only.result == codec.encode(face, EncodeSettings(quality=2))


def test_an_error_is_one_faces_alone(small: Codec, pictures: list[np.ndarray]) -> None:
    """Of reading, of a face that the batch chokes on, and of one that does not fit."""
    sizes = [len(small.encode(pixels)) for pixels in pictures]
    largest, cap = int(np.argmax(sizes)), max(sizes) - 1
    assert sorted(sizes)[-2] < max(sizes)
    bulky = to_encode(pictures[0], chunks=(Chunk(128, bytes(MOST_CHUNK_BYTES)),), max_bytes=cap)
    fitting = [to_encode(pixels, max_bytes=cap) for pixels in pictures]
    finished = through(small, [FileNotFoundError("gone"), bulky, *fitting, to_encode(pictures[0][:32])])
    assert [type(each.error) for each in finished[:2]] == [FileNotFoundError, BadImage]
    assert isinstance(finished[-1].error, BadImage)
    for index, each in enumerate(finished[2:-1]):
        assert isinstance(each.error, TooLarge) == (index == largest)
        assert index == largest or each.result == small.encode(pictures[index])


def test_reads_no_further_than_its_bound(small: Codec, pictures: list[np.ndarray]) -> None:
    taken = 0

    def sources() -> Iterator[FaceToEncode]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield to_encode(pictures[0])

    with EncodePipeline(small, batch_size=2, workers=0) as pipeline:
        faces = pipeline.encode(sources(), read)
        next(faces)
        assert taken <= 20
        faces.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_search_on_a_gpu_takes_batches(codec: Codec, faces: dict[str, np.ndarray]) -> None:
    """As near as the CPU's, in no more bytes; where two levels are equally near, another may be chosen."""
    on_gpu = Codec(codec.files.model, torch.device("cuda"))
    for face in through(on_gpu, [to_encode(pixels, max_bytes=300, effort=1) for pixels in faces.values()]):
        alone = codec.encode(face.source.pixels, EncodeSettings(max_bytes=300, effort=1))
        drawn = (codec.decode(data).astype(float) for data in (face.result, alone))
        error, usual = (np.square(each - face.source.pixels).mean() for each in drawn)
        assert len(face.result) <= 300 and error < usual * 1.02
