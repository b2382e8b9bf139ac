"""The pictures of a report outlive the run, and no index reaches out of its folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.runs.faces import FaceFile, usable_faces
from grain_codec.benchmarks.runs.picture_store import PictureStore, chosen_faces
from grain_codec.benchmarks.runs.task import Outcome, Task, picture
from grain_codec.benchmarks.tables.rows import CAP, Row


@pytest.fixture
def files(tmp_path: Path, small_face: np.ndarray) -> list[FaceFile]:
    for name in ("a", "b", "c"):
        Image.fromarray(small_face).save(tmp_path / f"{name}.png")
    return usable_faces(tmp_path, 64)[0]


def test_chosen_faces_are_kept_with_their_originals(tmp_path: Path, files: list[FaceFile]) -> None:
    store = PictureStore(tmp_path / "pictures")
    for face in files:
        for codec in ("webp", "jpeg"):
            store.add(Outcome(Task(face, codec), pictures={codec: f"{face.name} {codec}".encode()}))
    again = PictureStore(tmp_path / "pictures")
    again.choose(["c.png", "a.png"], files, 64)
    found = PictureStore(tmp_path / "pictures").read()
    assert list(found) == ["c.png", "a.png"]
    assert found["c.png"]["webp"] == b"c.png webp" and set(found["a.png"]) == {"webp", "jpeg", "original"}
    assert Image.open(io.BytesIO(found["a.png"]["original"])).size == (512, 512)
    assert len(list((tmp_path / "pictures").glob("*.webp"))) == 6


def test_an_index_names_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.webp").write_bytes(b"secret")
    (tmp_path / "00001.webp").write_bytes(b"fine")
    index = {"a": {"one": "../secret.webp", "two": "/etc/passwd", "three": "secret.webp", "four": "00001.webp"}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert PictureStore(tmp_path).read() == {"a": {"four": b"fine"}}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"b": 2}}'])
def test_a_damaged_index_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    assert PictureStore(tmp_path).read() == {}


def test_worst_faces_are_shown() -> None:
    rows = [
        Row(f"{number}.png", "ours", "rescaled", 0, CAP, "384", 300, psnr=20 + number, identity=number / 10)
        for number in range(9)
    ]
    assert chosen_faces(rows, 384) == ["0.png", "1.png", "2.png", "3.png", "8.png", "7.png"]


def test_small_pictures_keep_their_pixels() -> None:
    """LR images are shown as squares, without loss; faces at 512 px."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    shown = np.asarray(Image.open(io.BytesIO(picture(pixels))).convert("RGB"))
    assert shown.shape == (512, 512, 3) and np.array_equal(shown[16::32, 16::32], pixels)
    assert Image.open(io.BytesIO(picture(np.zeros((1024, 1024, 3), np.uint8)))).size == (512, 512)
