"""`grain_codec.encode` and `decode` for those who write programs: arguments, errors, types, and forked processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import grain_codec
from grain_codec.codec import Codec, read_chunks
from grain_codec.errors import BadImage, NoFace, TooLarge, WrongModel
from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.placement import Alignment, find_alignment
from grain_codec.formats.plugins import register_grain_opener
from grain_codec.settings import EncodeSettings

ROOT = Path(__file__).resolve().parent.parent

CLIENT = """
from pathlib import Path
from typing import assert_type

import grain_codec
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

image = Image.open("face.jpg")
pixels: npt.NDArray[np.uint8] = np.asarray(image)
data = grain_codec.encode(image, max_bytes=300, effort=1, align="always", model="face-1024")
assert_type(data, bytes)
assert_type(grain_codec.encode(pixels, quality=3), bytes)
assert_type(grain_codec.encode(torch.zeros(3, 1024, 1024), align="never"), bytes)
assert_type(grain_codec.encode([image, image]), list[bytes])
assert_type(grain_codec.encode(list(np.stack([pixels, pixels]))), list[bytes])
assert_type(grain_codec.decode(data), Image.Image)
assert_type(grain_codec.decode(data, "numpy", size=512), npt.NDArray[np.uint8])
assert_type(grain_codec.decode(data, kind="torch", output="fused"), torch.Tensor)
assert_type(grain_codec.decode([data, data]), list[Image.Image])
assert_type(grain_codec.decode([data, data], kind="numpy"), list[npt.NDArray[np.uint8]])
assert_type(grain_codec.decode([data, data], kind="torch"), torch.Tensor)
for face in grain_codec.decode_files([Path("face.grain"), data]):
    print(face.source, face.error)
"""

FORKING = """
import multiprocessing
import sys

import grain_codec
import numpy as np

data = open(sys.argv[1], "rb").read()
here = grain_codec.decode(data, kind="numpy")


def difference(data: bytes) -> int:
    return int(np.abs(grain_codec.decode(data, kind="numpy").astype(int) - here).max())


with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(difference, [data, data]).get(timeout=120))
"""


@pytest.fixture
def photo(face: np.ndarray) -> np.ndarray:
    """A photo of 500x400 pixels with a face in it."""
    wall = np.full((400, 500, 3), 120, np.uint8)
    return paste(face, Alignment.nearest(500, 400, 300 + 190j, 120), wall)


def test_faces_are_cut_out_of_photos(photo: np.ndarray, face: np.ndarray) -> None:
    data = grain_codec.encode(Image.fromarray(photo), quality=1)
    place = find_alignment(read_chunks(data))
    assert abs(place.centre - (300 + 190j)) < 6
    assert grain_codec.encode(photo, quality=1) == data
    assert read_chunks(grain_codec.encode(photo, quality=1, carrier="png")) == ()
    assert read_chunks(grain_codec.encode(face, quality=1)) == ()
    assert find_alignment(read_chunks(grain_codec.encode(face, quality=1, align="always"))).width == 1024


def test_photos_without_a_face_are_refused_unless_they_are_taken_as_they_are() -> None:
    wall = np.full((1024, 1024, 3), 120, np.uint8)
    with pytest.raises(NoFace, match='no face found; align="never" takes'):
        grain_codec.encode(wall)
    assert grain_codec.encode(wall, align="never", quality=1)
    with pytest.raises(BadImage, match="500x400 pixels; without alignment it must have 1024x1024"):
        grain_codec.encode(np.zeros((400, 500, 3), np.uint8), align="never")


def test_batches_give_lists(codec: Codec, faces: dict[str, np.ndarray]) -> None:
    both = [faces["anna"], faces["otis"]]
    expected = codec.encode_batch(both, [EncodeSettings(quality=1)] * 2)
    assert grain_codec.encode(both, quality=1) == expected
    assert grain_codec.encode(np.stack(both), quality=1) == expected
    mixed = [Image.fromarray(both[0]), torch.from_numpy(both[1]).permute(2, 0, 1)]
    assert grain_codec.encode(mixed, quality=1) == expected
    pictures = grain_codec.decode(expected, size=32)
    assert [picture.size for picture in pictures] == [(32, 32), (32, 32)]


def test_other_models_are_named(face: np.ndarray, small_weights: Path) -> None:
    data = grain_codec.encode(face, model=str(small_weights))
    assert grain_codec.decode(data, "numpy", model=str(small_weights)).shape == (64, 64, 3)
    with pytest.raises(WrongModel):
        grain_codec.decode(data, model="no-such-model")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"quality": 101}, "quality 101 is outside 0..100"),
        ({"quality": 3, "max_bytes": 300}, "contradict"),
        ({"effort": 10}, "effort 10"),
        ({"align": "maybe"}, "align 'maybe' is none of auto, always, never"),
        ({"carrier": "jpeg"}, "carrier 'jpeg'"),
    ],
)
def test_wrong_arguments_of_encode_are_value_errors(face: np.ndarray, arguments: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        grain_codec.encode(face, **arguments)


def test_a_limit_that_cannot_be_met_is_named(face: np.ndarray) -> None:
    with pytest.raises(TooLarge):
        grain_codec.encode(face, max_bytes=15)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("face.jpg", r"not a path; pass Image.open\('face.jpg'\)"),
        (Path("face.jpg"), r"not a path; pass Image.open\('face.jpg'\)"),
        (b"bytes", "not bytes"),
        (None, "not NoneType"),
        (np.zeros((0, 0, 3), np.uint8), "0x0 is smaller than 16x16"),
        (np.zeros((64, 64), np.uint8), r"not uint8 \[64, 64\]"),
        (np.zeros((64, 64, 3)), r"not float64 \[64, 64, 3\]"),
        (torch.zeros(64, 64, 3), r"not torch.float32 \[64, 64, 3\]"),
    ],
)
def test_what_is_no_picture_is_refused(image: object, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        grain_codec.encode(image)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("face.grain",), r"not a path; pass Path\('face.grain'\).read_bytes\(\)"),
        ((Path("face.grain"),), "not a path"),
        (([b"", "face.grain"],), "not a path"),
        ((7,), "bytes, not int"),
    ],
)
def test_what_is_no_file_is_refused(arguments: tuple, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        grain_codec.decode(*arguments)


def test_kinds_and_sizes_of_decoded_faces_are_checked(codec: Codec, face: np.ndarray) -> None:
    data = codec.encode(face, EncodeSettings(quality=1))
    assert grain_codec.decode(data, "torch", size=64).shape == (3, 64, 64)
    for arguments in ({"kind": "jpeg"}, {"size": 8}, {"size": 5000}):
        with pytest.raises(ValueError, match="jpeg|size"):
            grain_codec.decode(data, **arguments)


def test_grey_photographs_come_back_grey_everywhere(face: np.ndarray, tmp_path: Path) -> None:
    grey = Image.fromarray(face).convert("L")
    data = grain_codec.encode(grey, quality=1)
    assert data == grain_codec.encode(np.asarray(grey.convert("RGB")), quality=1)
    register_grain_opener()
    (tmp_path / "face.grain").write_bytes(data)
    [from_pipeline] = grain_codec.decode_files([data])
    for drawn in (grain_codec.decode(data), from_pipeline.result, Image.open(tmp_path / "face.grain")):
        pixels = np.asarray(drawn)
        assert pixels.shape == (1024, 1024, 3) and (pixels == pixels[:, :, :1]).all()


def test_a_client_program_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    client = tmp_path / "client.py"
    client.write_text(CLIENT)
    script = [str(ROOT / "tools/with_installed_names.sh"), sys.executable, "-m", "mypy", "--strict", str(client)]
    ended = subprocess.run(["sh", *script, "--cache-dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_decoding_works_in_forked_processes(codec: Codec, face: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "face.grain").write_bytes(codec.encode(face, EncodeSettings(quality=1)))
    (tmp_path / "forking.py").write_text(FORKING)
    # A single thread would have nothing to lose.
    command = [sys.executable, str(tmp_path / "forking.py"), str(tmp_path / "face.grain")]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "2"}
    )
    assert ended.returncode == 0, ended.stderr
    # Another number of threads may round samples differently.
    assert all(int(value) <= 1 for value in ended.stdout.strip("[]\n").split(","))
