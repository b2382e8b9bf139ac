"""grain-encode --format qr, and grain-decode and grain-info on what it writes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli import decode, encode, info
from grain_codec.codec import Codec
from grain_codec.formats import container, qr_carrier
from grain_codec.settings import EncodeSettings

pytest.importorskip("base45", reason='needs the extra "qr"')
pytest.importorskip("segno", reason='needs the extra "qr"')
pytest.importorskip("zxingcpp", reason='needs the extra "qr"')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: np.ndarray) -> Path:
    """The working directory, with a face."""
    Image.fromarray(face).save(tmp_path / "face.png", compress_level=1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command.main, [*arguments])


def face_in(path: str) -> bytes:
    return qr_carrier.carried(Path(path).read_bytes(), path)


def test_round_trip(folder: Path, codec: Codec, face: np.ndarray):
    result = run(encode, "face.png", "--format", "qr")
    file = codec.encode(face)
    assert result.exit_code == 0 and face_in("face.qr.png") == file
    symbol = qr_carrier.pack(file)
    told = f"QR code of version {symbol.version} with error correction {symbol.error_correction}, {len(file)} bytes"
    assert told in result.stderr and "face.png -> face.qr.png" in result.stderr
    Path("face.png").unlink()
    assert run(decode, "face.qr.png").exit_code == 0
    drawn = np.asarray(Image.open("face.png"))
    assert np.abs(drawn.astype(int) - codec.decode(file)).max() <= 1
    rows = json.loads(run(info, "face.qr.png", "--json").stdout)[0]
    assert rows["bytes"] == len(file) and rows["format"] == ".grain"


def test_limits_are_those_of_the_payload(folder: Path):
    assert run(encode, "face.png", "--format", "qr", "--max-bytes", "200").exit_code == 0
    assert 190 < len(face_in("face.qr.png")) <= 200


@pytest.mark.parametrize("binary", [False, True], ids=["base45", "bytes"])
def test_a_version_is_the_best_face_that_fits_in_it(folder: Path, codec: Codec, face: np.ndarray, binary: bool):
    result = run(encode, "face.png", "-o", "face.svg", "--qr-version", "9", *["--qr-binary"] * binary)
    assert result.exit_code == 0, result.output
    assert "QR code of version 9 " in result.stderr and Path("face.svg").read_bytes().startswith(b"<?xml")
    best = codec.encode(face, EncodeSettings(max_bytes=qr_carrier.capacity(9, binary)))
    assert f", {len(best)} bytes" in result.stderr


def test_a_version_that_is_too_small_names_the_smallest_size(folder: Path):
    result = run(encode, "face.png", "--format", "qr", "--qr-version", "1")
    assert result.exit_code == 1 and "face.png: " in result.stderr and "bytes" in result.stderr
    assert not Path("face.qr.png").exists()


def test_folders_of_codes_are_decoded(folder: Path, codec: Codec, face: np.ndarray):
    (folder / "codes").mkdir()
    Path("codes/one.qr.png").write_bytes(qr_carrier.pack(codec.encode(face, EncodeSettings(quality=1))).picture)
    assert run(decode, "-r", "codes", "-O", "faces", "--thumbnail").exit_code == 0
    assert [path.name for path in (folder / "faces").iterdir()] == ["one.png"]


def test_a_text_that_a_scanner_passed_on_is_decoded(folder: Path, codec: Codec, face: np.ndarray):
    import base45

    text = base45.b45encode(codec.encode(face, EncodeSettings(quality=1)))
    line = [sys.executable, "-m", "grain_codec.cli.decode", "-", "--thumbnail", "-o", "-"]
    ended = subprocess.run(line, input=text + b"\n", capture_output=True, check=True)
    assert Image.open(io.BytesIO(ended.stdout)).size == (16, 16)


def test_metadata_travel_in_the_code(folder: Path, face: np.ndarray):
    exif = Image.Exif()
    exif[0x010E] = "Anna"
    Image.fromarray(face).save("with.png", exif=exif, compress_level=1)
    assert run(encode, "with.png", "--format", "qr", "--keep-metadata").exit_code == 0
    assert [chunk.tag for chunk in container.unpack(face_in("with.qr.png")).chunks] == [container.EXIF]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--qr-version", "9"), "need --format qr"),
        (("--qr-binary", "--format", "png"), "need --format qr"),
        (("--format", "qr", "--qr-version", "9", "--max-bytes", "200"), "contradict"),
        (("--format", "qr", "--qr-version", "9", "-q", "2"), "contradict"),
        (("--format", "qr", "--qr-version", "41"), "1<=x<=40"),
        (("--format", "qr", "-o", "face.jpg"), ".png or .svg, not .jpg"),
    ],
)
def test_usage_errors(folder: Path, arguments: tuple[str, ...], text: str):
    result = run(encode, "face.png", *arguments)
    assert result.exit_code == 2 and text in result.output
    assert [path.name for path in folder.iterdir()] == ["face.png"]


def test_pictures_without_a_face_in_a_code_are_one_line(folder: Path):
    result = run(decode, "face.png", "-o", "out.png")
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert result.output.startswith("grain-decode: face.png: the picture of 1024x1024 pixels is no 16x16 carrier image")


def test_missing_packages_end_the_run_before_any_work(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(qr_carrier, "find_spec", lambda name: None)
    result = run(encode, "face.png", "--format", "qr")
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert result.output.startswith("grain-encode: QR codes need more packages: pip install ")
    assert '"segno' in result.output
