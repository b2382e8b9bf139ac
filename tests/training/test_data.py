"""Batches of training faces, from memory and from disk."""

from __future__ import annotations

import io
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images.face_sets import FaceSet
from grain_codec.training.data import augment, batches, streamed_batches


def ramps(count: int) -> list[np.ndarray]:
    """Faces whose brightness rises to the right, each from another level."""
    return [np.broadcast_to(np.arange(4, dtype=np.uint8) + 10 * n, (3, 4, 4)).copy() for n in range(count)]


def numbers(stream, count: int) -> list[int]:
    """Which of the ramps the next batches show."""
    return [int(face.min()) // 10 for batch in islice(stream, count) for face in batch]


def test_batches_show_every_face_before_any_again():
    faces = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 2, 2) * 20
    generator = torch.Generator().manual_seed(0)
    stream = batches(faces, 5, generator)
    brightness = [round(float(image.mean()), 3) for _ in range(2) for image in next(stream)]
    assert len(set(brightness)) == 10


def test_fewer_faces_than_a_batch_make_a_smaller_batch():
    stream = batches(torch.zeros(3, 3, 2, 2, dtype=torch.uint8), 16, torch.Generator().manual_seed(0))
    assert len(next(stream)) == 3


def test_augmentation_keeps_the_range_and_mirrors_some():
    images = torch.rand(64, 3, 8, 8)
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    ramp = torch.linspace(0.2, 0.8, 8).expand(64, 3, 8, 8)
    mirrored = augment(ramp, torch.Generator().manual_seed(0))[:, 0, 0, 0] > 0.5
    assert 16 < int(mirrored.sum()) < 48


def test_streams_show_every_face_before_any_again_and_go_on():
    shown = numbers(streamed_batches(ramps(6), 2), 6)
    assert sorted(shown[:6]) == sorted(shown[6:]) == list(range(6))
    assert shown[:6] != shown[6:]


def test_processes_share_a_stream():
    shares = [numbers(streamed_batches(ramps(6), 1, seed=3, share=(rank, 2)), 3) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == list(range(6))


def test_streams_mirror_when_asked():
    plain, flipped = (torch.cat(list(islice(streamed_batches(ramps(8), 8, flips=flips), 4))) for flips in (False, True))
    assert not (plain[:, 0, 0, 0] > plain[:, 0, 0, 3]).any()
    assert 8 < int((flipped[:, 0, 0, 0] > flipped[:, 0, 0, 3]).sum()) < 24


def test_samples_are_the_faces_bytes():
    faces = [np.stack([np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8), np.full((4, 4), 51, np.uint8)])]
    batch = next(streamed_batches(faces, 1))
    assert batch.dtype == torch.uint8 and batch[0, :, 0, 0].tolist() == [0, 255, 51]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Three flat pictures in a tar shard."""
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as tar:
        for level in (10, 20, 30):
            stream = io.BytesIO()
            Image.new("RGB", (40, 40), (level, 0, 0)).save(stream, "PNG")
            member = tarfile.TarInfo(f"face-{level}.png")
            member.size = stream.tell()
            tar.addfile(member, io.BytesIO(stream.getvalue()))
    return path


def test_workers_decode_from_disk(shard: Path):
    stream = streamed_batches(FaceSet([shard], 16), 3, workers=1)
    assert sorted(next(stream)[:, 0, 8, 8].tolist()) == [10, 20, 30]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_face_is_named_in_one_line(tmp_path: Path, workers: int):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(BadImage) as raised:
        next(streamed_batches(FaceSet([tmp_path], 16), 1, workers=workers))
    assert str(raised.value).startswith(str(tmp_path / "bad.png")) and "\n" not in str(raised.value)
