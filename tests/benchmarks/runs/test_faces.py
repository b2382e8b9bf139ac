"""Which pictures of a folder are faces that can be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.runs.faces import faces_in, usable_faces


@pytest.fixture
def folder(tmp_path: Path, small_face: np.ndarray) -> Path:
    """Two usable faces, and all kinds of files that are none."""
    face = Image.fromarray(small_face)
    face.save(tmp_path / "b.png")
    face.resize((80, 80)).save(tmp_path / "a.PNG")
    face.resize((63, 63)).save(tmp_path / "little.png")
    face.resize((80, 64)).save(tmp_path / "wide.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_what_cannot_be_measured_is_named(folder: Path) -> None:
    faces, left_out = usable_faces(folder, 64)
    assert [face.name for face in faces] == ["a.PNG", "b.png"]
    assert [line.split(": ", 1)[0] for line in left_out] == ["little.png", "torn.jpg", "wide.png"]
    assert "63 pixels a side are fewer than the 64" in left_out[0]
    assert "not square" in left_out[2]


def test_faces_are_read_at_the_size_of_the_comparison(folder: Path, small_face: np.ndarray) -> None:
    larger, same = usable_faces(folder, 64)[0]
    assert larger.read(64).shape == (64, 64, 3)
    assert np.array_equal(same.read(64), small_face)


def test_digests_tell_files_apart(folder: Path) -> None:
    faces, _ = usable_faces(folder, 64)
    assert len({face.digest for face in faces}) == 2
    faces[1].path.write_bytes(faces[0].path.read_bytes())
    assert len({face.digest for face in usable_faces(folder, 64)[0]}) == 1


def test_no_more_faces_than_asked_for(folder: Path) -> None:
    assert [face.name for face in usable_faces(folder, 64, most=1)[0]] == ["a.PNG"]


def test_names_are_fit_to_be_printed(tmp_path: Path, small_face: np.ndarray) -> None:
    Image.fromarray(small_face).save(tmp_path / "a\tb.png")
    assert usable_faces(tmp_path, 64)[0][0].name == "a?b.png"


def test_faces_of_a_folder(tmp_path: Path, small_face: np.ndarray) -> None:
    Image.fromarray(small_face).save(tmp_path / "face.png")
    ((name, pixels),) = faces_in(tmp_path)
    assert name == "face.png" and pixels.shape == (1024, 1024, 3)
