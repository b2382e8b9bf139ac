"""Training faces from folders, tar shards and single files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images.face_sets import FaceSet, read_face_set


def picture(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (level, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def test_folders_shards_and_files_are_read_in_order(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.png").write_bytes(picture(20))
    (tmp_path / "a.png").write_bytes(picture(10))
    (tmp_path / "notes.txt").write_text("no face")
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as tar:
        for name, content in {"c.webp": picture(30), "c.json": b"{}"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    faces = read_face_set([tmp_path, shard, tmp_path / "a.png"], 16)
    assert faces.shape == (4, 3, 16, 16) and faces.dtype == np.uint8
    assert faces[:, 0, 8, 8].tolist() == [10, 20, 30, 10]
    one_by_one = FaceSet([tmp_path, shard, tmp_path / "a.png"], 16)
    assert np.array_equal(np.stack([one_by_one[index] for index in range(len(one_by_one))]), faces)
    assert [place.stem for place in one_by_one.places] == ["a", "b", "c", "a"]


def test_a_damaged_image_is_named(tmp_path: Path):
    (tmp_path / "bad.png").write_bytes(picture(10)[:40])
    with pytest.raises(BadImage, match=r"bad\.png"):
        read_face_set([tmp_path], 16)


def test_what_calls_itself_an_image_and_is_a_program_is_refused(tmp_path: Path):
    """Pillow would let Ghostscript run it."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\n0 0 32 32 rectfill\nshowpage\n"
    (tmp_path / "a.jpg").write_bytes(program)
    with pytest.raises(BadImage, match=r"a\.jpg: EPS is a program"):
        FaceSet([tmp_path], 16)[0]


def test_a_folder_without_images_is_named(tmp_path: Path):
    with pytest.raises(BadImage, match=tmp_path.name):
        read_face_set([tmp_path], 16)
    with pytest.raises(BadImage, match=tmp_path.name):
        FaceSet([tmp_path], 16)


def test_a_compressed_shard_is_read_whole_but_not_piece_by_piece(tmp_path: Path):
    shard = tmp_path / "shard.tar.gz"
    with tarfile.open(shard, "w:gz") as tar:
        member = tarfile.TarInfo("a.png")
        member.size = len(picture(10))
        tar.addfile(member, io.BytesIO(picture(10)))
    assert len(read_face_set([shard], 16)) == 1
    with pytest.raises(BadImage, match="compressed"):
        FaceSet([shard], 16)
