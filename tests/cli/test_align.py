"""Portraits of any kind in, and faces back in their places."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli import decode, encode, info
from grain_codec.cli.batch import conversion as cli_conversion
from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.job import DONE, FAILED, SKIPPED, Job
from grain_codec.cli.batch.tasks.task import Converted
from grain_codec.cli.options import BatchOptions
from grain_codec.codec import read_chunks
from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.placement import Alignment, find_alignment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ORIENTATION = 0x0112
PLACES = {"anna": (150 + 175j, 220), "otis": (390 + 160j, 180)}
"""Middle and side of the crops in the photo of two."""


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


def test_a_face_travels_and_goes_back_to_its_place(folder: Path) -> None:
    assert encoding("one.png", "--max-bytes", "300").exit_code == 0
    assert len(Path("one.grain").read_bytes()) <= 300
    place = place_in("one.grain")
    assert (place.width, place.height) == (520, 340) and is_near(place, "anna")
    left, top, right, bottom = (round(edge) for edge in place.box())
    face, wall = np.s_[top + 30 : bottom - 30, left + 30 : right - 30], np.s_[:, right + 2 :]

    original = written("one.png")
    assert decoding("--canvas", "none.png", "one.grain", "-o", "back.png").exit_code == 0
    assert mean_difference(written("back.png")[face], original[face]) < 10
    assert np.array_equal(written("back.png")[wall], original[wall])

    assert decoding("--paste", "original-size", "one.grain", "-o", "empty.png").exit_code == 0
    assert mean_difference(written("empty.png")[face][..., :3], original[face]) < 10
    assert (written("empty.png")[face][..., 3] == 255).all()
    assert not written("empty.png")[wall].any()
    assert decoding("--paste", "original-size", "one.grain", "-o", "grey.bmp").exit_code == 0
    assert mean_difference(written("grey.bmp")[face], original[face]) < 10
    assert (written("grey.bmp")[wall] == 128).all()


def test_all_faces_the_largest_first(folder: Path) -> None:
    result = encoding("--all-faces", "two.png", "-O", "out", "-q", "1", "--json")
    assert result.exit_code == 0
    assert {path.name for path in Path("out").iterdir()} == {"two-1.grain", "two-2.grain"}
    assert is_near(place_in("out/two-1.grain"), "anna") and is_near(place_in("out/two-2.grain"), "otis")
    (row, _) = (json.loads(line) for line in result.stdout.splitlines())
    assert (row["target"], row["further_targets"]) == ("out/two-1.grain", ["out/two-2.grain"])
    assert row["bytes_out"] == sum(path.stat().st_size for path in Path("out").iterdir())


def test_no_face_is_written_where_one_would_overwrite_a_file(folder: Path) -> None:
    Path("two-2.grain").write_bytes(b"mine")
    result = encoding("--all-faces", "two.png")
    assert result.exit_code == 1 and "two-2.grain exists" in result.stderr
    assert Path("two-2.grain").read_bytes() == b"mine" and not Path("two-1.grain").exists()
    result = encoding("--all-faces", "two.png", "--force")
    assert "two.png -> two-1.grain, two-2.grain" in result.stderr
    assert is_near(place_in("two-2.grain"), "otis")


def test_one_of_several_faces(folder: Path) -> None:
    assert encoding("--face", "2", "two.png", "-q", "1").exit_code == 0
    assert is_near(place_in("two.grain"), "otis")
    result = encoding("--face", "3", "two.png", "-o", "third.grain")
    assert result.exit_code == 1 and "two.png: there is no face 3; 2 found" in result.stderr


def test_photo_without_a_face_is_named_and_stops_no_others(folder: Path) -> None:
    result = encoding("none.png", "one.png", "-q", "1")
    assert result.exit_code == 1
    assert "grain-encode: none.png: no face found; --align never with --crop center" in result.stderr
    assert Path("one.grain").exists() and not Path("none.grain").exists()


def test_photos_are_turned_upright_first(folder: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.open("one.png").transpose(Image.Transpose.ROTATE_90).save("lying.png", exif=exif)
    assert encoding("lying.png", "-q", "1").exit_code == 0
    assert place_in("lying.grain").width == 520 and is_near(place_in("lying.grain"), "anna")
    assert decoding("--canvas", "lying.png", "lying.grain", "-o", "back.png").exit_code == 0
    assert mean_difference(written("back.png"), written("one.png")) < 10


def test_faces_that_are_cut_out_are_named_in_one_line(folder: Path) -> None:
    result = encoding("one.png", "-q", "1")
    assert result.exit_code == 0 and result.stderr.count("\n") == 2
    assert "one.png: the face was cut out of the picture; --align never takes pictures as they are" in result.stderr
    assert encoding("one.png", "-q", "1", "--force", "--quiet").stderr == ""
    assert "cut out" not in encoding("one.png", "-q", "1", "--force", "--align", "always").stderr


def test_of_several_faces_the_largest_is_taken_and_the_line_says_so(folder: Path) -> None:
    result = encoding("two.png", "-q", "1")
    assert result.exit_code == 0 and is_near(place_in("two.grain"), "anna")
    assert "two.png: 2 faces found, the largest taken; --all-faces takes all" in result.stderr
    assert "faces found" not in encoding("two.png", "-q", "1", "--force", "--face", "1").stderr


def test_aligned_squares_are_taken_as_they_are(folder: Path) -> None:
    example = str(EXAMPLES / "anna.jpg")
    for align in ("auto", "never"):
        result = encoding(example, "-o", f"{align}.grain", "-q", "1", "--align", align)
        assert result.exit_code == 0 and result.stderr.count("\n") == 1
    assert Path("auto.grain").read_bytes() == Path("never.grain").read_bytes()
    assert encoding(example, "-o", "always.grain", "-q", "1", "--align", "always").exit_code == 0
    assert place_in("always.grain").width == 1024


def test_without_alignment_any_square_is_taken(folder: Path) -> None:
    assert encoding("none.png", "--crop", "center", "-q", "1").exit_code == 0
    result = encoding("none.png", "--align", "never", "-q", "1", "--force")
    assert result.exit_code == 1 and "none.png: 520x340 is not square; " in result.stderr


def test_a_png_has_no_place_for_where_the_face_was(folder: Path) -> None:
    assert encoding("one.png", "--format", "png", "-q", "1").exit_code == 0
    assert read_chunks(Path("one.grain.png").read_bytes()) == ()


@pytest.mark.parametrize("format", ["heic", "avif", "jxl"])
def test_the_formats_of_phones_are_taken(folder: Path, format: str) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pytest.importorskip("pillow_jxl")
    photo = Image.open("one.png")
    if format == "heic":
        pillow_heif.from_pillow(photo).save("photo.heic", quality=90)
    else:
        photo.save(f"photo.{format}", quality=90)
    result = encoding(f"photo.{format}", "-q", "1")
    assert result.exit_code == 0 and is_near(place_in("photo.grain"), "anna")


def test_all_faces_go_back_into_one_picture(folder: Path) -> None:
    assert encoding("--all-faces", "two.png", "-q", "5").exit_code == 0
    arguments = ("two-1.grain", "two-2.grain", "--canvas", "none.png")
    result = decoding(*arguments, "-o", "back.png")
    assert result.exit_code == 0, result.stderr
    back, original, empty = written("back.png"), written("two.png"), written("none.png")
    for centre, side in PLACES.values():
        x, y, reach = round(centre.real), round(centre.imag), round(side / 3)
        face = np.s_[y - reach : y + reach, x - reach : x + reach]
        assert mean_difference(back[face], original[face]) < 0.4 * mean_difference(empty[face], original[face])
    Path("two-2.grain").write_bytes(b"damaged")
    result = decoding(*arguments, "-o", "again.png")
    assert result.exit_code == 1 and "two-2.grain" in result.stderr and not Path("again.png").exists()


def test_info_says_where_the_face_was(folder: Path) -> None:
    assert encoding("one.png", "-q", "1").exit_code == 0
    (row,) = json.loads(CliRunner().invoke(info.main, ["--json", "one.grain"]).stdout)
    assert row["photo"] == "520x340"
    side, x, y = (float(number) for number in re.findall(r"[-\d.]+", row["face"])[:3])
    assert abs(side - 220) < 12 and abs(complex(x, y) - PLACES["anna"][0]) < 5


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


def test_only_aligned_faces_have_a_place(folder: Path) -> None:
    assert encoding("one.png", "--crop", "center", "-q", "1").exit_code == 0
    for options in (["--paste", "original-size"], ["--canvas", "one.png"]):
        result = decoding(*options, "one.grain", "-o", "back.png")
        assert result.exit_code == 1 and "one.grain: the file holds no alignment" in result.stderr


def test_canvas_of_another_size_or_none_is_refused(folder: Path) -> None:
    assert encoding("one.png", "-q", "1").exit_code == 0
    Image.new("RGB", (520, 341)).save("other.png")
    Path("note.png").write_text("no picture at all")
    for canvas, reason in (("other.png", "520x341"), ("note.png", "no picture"), ("missing.png", "No such file")):
        result = decoding("--canvas", canvas, "one.grain", "-o", "back.png")
        assert result.exit_code == 1 and reason in result.stderr
    assert not Path("back.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--face", "2", "--align", "never", "one.png"],
        ["--all-faces", "--align", "never", "one.png"],
        ["--face", "1", "--all-faces", "one.png"],
        ["--face", "1", "--crop", "top", "one.png"],
        ["--align", "auto", "--crop", "top", "one.png"],
        ["--align", "one.png"],
        ["--all-faces", "-o", "one.grain", "one.png"],
        ["--all-faces", "-"],
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
