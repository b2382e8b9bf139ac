"""Portraits of any kind in, and faces back in their places."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli import decode, encode
from grain_codec.cli.batch import conversion as cli_conversion
from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.job import DONE, FAILED, SKIPPED, Job
from grain_codec.cli.batch.tasks.task import Converted
from grain_codec.cli.options import BatchOptions
from grain_codec.codec import read_chunks
from grain_codec.formats.alignment import face_finder
from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.placement import Alignment, find_alignment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ORIENTATION = 0x0112
PLACES = {"anna": (150 + 175j, 220), "otis": (390 + 160j, 180)}
"""Middle and side of the crops in the photo of two."""

needs_models = pytest.mark.skipif(not face_finder.available(), reason="dlib and its models are not installed")


@pytest.fixture(scope="module")
def photos(faces: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos of 520x340 pixels of one face, of two and of none before a wall."""
    folder = tmp_path_factory.mktemp("photos")
    row, column = np.mgrid[0:340, 0:520]
    photo = np.stack([110 + row // 40, 120 + column // 50, 100 + 0 * row], -1).astype(np.uint8)
    Image.fromarray(photo).save(folder / "none.png")
    for name, person in {"one": "anna", "two": "otis"}.items():
        centre, side = PLACES[person]
        photo = paste(faces[person], Alignment.nearest(520, 340, centre, side / 2), photo)
        Image.fromarray(photo).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a copy of the photos."""
    shutil.copytree(photos, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def encoding(*arguments: str) -> Result:
    """Runs grain-encode in this process."""
    return CliRunner().invoke(encode.main, ["--device", "cpu", *arguments])


def decoding(*arguments: str) -> Result:
    """Runs grain-decode in this process."""
    return CliRunner().invoke(decode.main, ["--device", "cpu", *arguments])


def place_in(path: str) -> Alignment:
    """The alignment in a file."""
    return find_alignment(read_chunks(Path(path).read_bytes()))


def is_near(place: Alignment, name: str) -> bool:
    """Whether a crop is where a face was put."""
    centre, side = PLACES[name]
    return abs(place.centre - centre) < 0.02 * side and abs(place.side - side) < 0.06 * side


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference of samples."""
    return float(np.abs(first.astype(int) - second).mean())


def written(path: str) -> np.ndarray:
    """The samples of a picture."""
    return np.array(Image.open(path))


@needs_models
def test_a_face_travels_and_goes_back_to_its_place(folder: Path) -> None:
    assert encoding("--align", "one.png", "--max-bytes", "300").exit_code == 0
    assert len(Path("one.grain").read_bytes()) <= 300
    place = place_in("one.grain")
    assert (place.width, place.height) == (520, 340) and is_near(place, "anna")
    left, top, right, bottom = (round(edge) for edge in place.box())
    face, wall = np.s_[top + 30 : bottom - 30, left + 30 : right - 30], np.s_[:, right + 2 :]

    original = written("one.png")
    assert decoding("--canvas", "none.png", "one.grain", "-o", "back.png").exit_code == 0
    assert mean_difference(written("back.png")[face], original[face]) < 8
    assert np.array_equal(written("back.png")[wall], original[wall])

    assert decoding("--paste", "original-size", "one.grain", "-o", "empty.png").exit_code == 0
    assert mean_difference(written("empty.png")[face][..., :3], original[face]) < 8
    assert (written("empty.png")[face][..., 3] == 255).all()
    assert not written("empty.png")[wall].any()
    assert decoding("--paste", "original-size", "one.grain", "-o", "grey.bmp").exit_code == 0
    assert mean_difference(written("grey.bmp")[face], original[face]) < 8
    assert (written("grey.bmp")[wall] == 128).all()


@needs_models
def test_all_faces_the_largest_first(folder: Path) -> None:
    result = encoding("--align", "--all-faces", "two.png", "-O", "out", "-q", "1", "--json")
    assert result.exit_code == 0
    assert {path.name for path in Path("out").iterdir()} == {"two-1.grain", "two-2.grain"}
    assert is_near(place_in("out/two-1.grain"), "anna") and is_near(place_in("out/two-2.grain"), "otis")
    (row, _) = (json.loads(line) for line in result.stdout.splitlines())
    assert (row["target"], row["further_targets"]) == ("out/two-1.grain", ["out/two-2.grain"])
    assert row["bytes_out"] == sum(path.stat().st_size for path in Path("out").iterdir())


@needs_models
def test_no_face_is_written_where_one_would_overwrite_a_file(folder: Path) -> None:
    Path("two-2.grain").write_bytes(b"mine")
    result = encoding("--align", "--all-faces", "two.png")
    assert result.exit_code == 1 and "two-2.grain exists" in result.stderr
    assert Path("two-2.grain").read_bytes() == b"mine" and not Path("two-1.grain").exists()
    result = encoding("--align", "--all-faces", "two.png", "--force")
    assert "two.png -> two-1.grain, two-2.grain" in result.stderr
    assert is_near(place_in("two-2.grain"), "otis")


@needs_models
def test_one_of_several_faces(folder: Path) -> None:
    assert encoding("--align", "--face", "2", "two.png", "-q", "1").exit_code == 0
    assert is_near(place_in("two.grain"), "otis")
    result = encoding("--align", "--face", "3", "two.png", "-o", "third.grain")
    assert result.exit_code == 1 and "two.png: there is no face 3; 2 found" in result.stderr


@needs_models
def test_photo_without_a_face_is_named_and_stops_no_others(folder: Path) -> None:
    result = encoding("--align", "none.png", "one.png", "-q", "1")
    assert result.exit_code == 1 and "grain-encode: none.png: no face found" in result.stderr
    assert Path("one.grain").exists() and not Path("none.grain").exists()


@needs_models
def test_photos_are_turned_upright_first(folder: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.open("one.png").transpose(Image.Transpose.ROTATE_90).save("lying.png", exif=exif)
    assert encoding("--align", "lying.png", "-q", "1").exit_code == 0
    assert place_in("lying.grain").width == 520 and is_near(place_in("lying.grain"), "anna")
    assert decoding("--canvas", "lying.png", "lying.grain", "-o", "back.png").exit_code == 0
    assert mean_difference(written("back.png"), written("one.png")) < 8


@needs_models
def test_unaligned_portraits_get_a_warning(folder: Path) -> None:
    arguments = ("one.png", "--crop", "center", "-q", "1", "--force")
    assert "one.png: the face is not where an aligned photograph has it; --align" in encoding(*arguments).stderr
    assert encoding(*arguments, "--quiet").stderr == ""
    assert "--align" not in encoding("--align", "one.png", "-q", "1", "--force").stderr
    example = str(EXAMPLES / "anna.jpg")
    assert "--align" not in encoding(example, "-o", "anna.grain", "-q", "1").stderr


@pytest.fixture
def three_outputs(function_task: type) -> Callable[..., Conversion]:
    """Makes conversions to three outputs."""
    task = function_task(lambda data, name: Converted(b"1", further=(b"2", b"3")))
    return lambda **options: Conversion(task, BatchOptions(**options))


def test_further_outputs_are_numbered_and_written_all_or_none(tmp_path: Path, three_outputs: Callable) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    conversion = three_outputs()
    job = Job(str(tmp_path / "photo.jpg"), str(tmp_path / "photo-1.grain"))
    (tmp_path / "photo-3.grain").write_bytes(b"mine")
    assert conversion(job).status == FAILED and not (tmp_path / "photo-1.grain").exists()
    (tmp_path / "photo-3.grain").unlink()
    assert conversion(job).status == DONE
    assert [(tmp_path / f"photo-{number}.grain").read_bytes() for number in (1, 2, 3)] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("there", ["photo-1.grain", "photo-2.grain", "photo-3.grain"])
def test_skipping_what_exists_loses_no_face(tmp_path: Path, there: str, three_outputs: Callable) -> None:
    """The first output comes last, so that a run that was killed is known by its absence."""
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    (tmp_path / there).write_bytes(b"mine")
    conversion = three_outputs(skip_existing=True)
    outcome = conversion(Job(str(tmp_path / "photo.jpg"), str(tmp_path / "photo-1.grain")))
    assert outcome.status == (SKIPPED if there == "photo-1.grain" else DONE)
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.grain")}
    whole = {"photo-1.grain": b"1", "photo-2.grain": b"2", "photo-3.grain": b"3"}
    assert written == ({there: b"mine"} if outcome.status == SKIPPED else whole | {there: b"mine"})


def test_a_killed_run_leaves_the_first_output_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, three_outputs: Callable
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    written: list[str] = []
    monkeypatch.setattr(cli_conversion, "write_target", lambda target, data, force: written.append(Path(target).name))
    three_outputs()(Job(str(tmp_path / "photo.jpg"), str(tmp_path / "photo-1.grain")))
    assert written == ["photo-2.grain", "photo-3.grain", "photo-1.grain"]


def test_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    result = encoding("--align", "one.png")
    assert result.exit_code == 1
    assert result.stderr == 'grain-encode: finding faces needs more packages: pip install "grain-codec[align]"\n'
    result = encoding("one.png", "--crop", "center", "-q", "1")
    assert result.exit_code == 0 and "face" not in result.stderr


def test_only_aligned_faces_have_a_place(folder: Path) -> None:
    assert encoding("one.png", "--crop", "center", "-q", "1").exit_code == 0
    for options in (["--paste", "original-size"], ["--canvas", "one.png"]):
        result = decoding(*options, "one.grain", "-o", "back.png")
        assert result.exit_code == 1 and "one.grain: the file holds no alignment" in result.stderr


@needs_models
def test_canvas_of_another_size_or_none_is_refused(folder: Path) -> None:
    assert encoding("--align", "one.png", "-q", "1").exit_code == 0
    Image.new("RGB", (520, 341)).save("other.png")
    Path("note.png").write_text("no picture at all")
    for canvas, reason in (("other.png", "520x341"), ("note.png", "no picture"), ("missing.png", "No such file")):
        result = decoding("--canvas", canvas, "one.grain", "-o", "back.png")
        assert result.exit_code == 1 and reason in result.stderr
    assert not Path("back.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--face", "2", "one.png"],
        ["--all-faces", "one.png"],
        ["--align", "--face", "1", "--all-faces", "one.png"],
        ["--align", "--crop", "top", "one.png"],
        ["--align", "--format", "png", "one.png"],
        ["--align", "-o", "one.grain.png", "one.png"],
        ["--align", "--all-faces", "-o", "one.grain", "one.png"],
        ["--align", "--all-faces", "-"],
    ],
)
def test_contradictions_when_encoding(arguments: list[str]) -> None:
    assert encoding(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--paste", "original-size", "--canvas", "one.png"],
        ["--paste", "original-size", "--size", "64"],
        ["--canvas", "one.png", "--thumbnail"],
        ["--canvas", "-"],
        ["--canvas", "one.png", "--force"],
        ["--canvas", "two.png", "--force", "-o", "two.png"],
        ["--paste", "somewhere"],
    ],
)
def test_contradictions_when_decoding(arguments: list[str]) -> None:
    assert decoding(*arguments, "one.grain").exit_code == 2
