"""grain-encode: how near an encoded face comes, told and limited, in every engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.benchmarks.metrics import identity
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.cli import encode
from grain_codec.codec import Codec
from grain_codec.errors import install_command
from grain_codec.settings import DecodeSettings

needs_dlib = pytest.mark.skipif(not identity.available(), reason="needs the extra identity")


def encoding(*arguments: str) -> Result:
    """Runs grain-encode in this process, without a search."""
    return CliRunner().invoke(encode.main, ["-e", "0", "--device", "cpu", *arguments])


def rows(result: Result) -> list[dict]:
    """The JSON lines of the files."""
    return [json.loads(line) for line in result.stdout.splitlines()][:-1]


@pytest.fixture
def photos(faces: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an aligned face, and two faces in one picture."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(faces["anna"]).save("anna.png", compress_level=1)
    two = Image.new("RGB", (1000, 600), (90, 110, 100))
    for name, left, side in (("anna", 60, 380), ("otis", 560, 300)):
        two.paste(Image.fromarray(faces[name]).resize((side, side)), (left, 120))
    two.save("two.png")
    return tmp_path


def true_psnr(codec: Codec, face: np.ndarray, path: str) -> float:
    return psnr(codec.decode(Path(path).read_bytes(), DecodeSettings(output="rescaled")), face)


def test_the_psnr_is_told_to_people_and_always_in_json(photos: Path, codec: Codec, face: np.ndarray) -> None:
    told = encoding("anna.png", "--psnr")
    expected = true_psnr(codec, face, "anna.grain")
    assert told.stderr == f"anna.png -> anna.grain, {Path('anna.grain').stat().st_size} bytes, PSNR {expected:.2f} dB\n"
    assert "PSNR" not in encoding("anna.png", "-f").stderr
    [row] = rows(encoding("anna.png", "-f", "--json"))
    assert row["psnr"] == pytest.approx(expected, abs=1e-4) and "identity" not in row


def test_every_face_of_a_picture_has_its_figure(photos: Path) -> None:
    [row] = rows(encoding("two.png", "--all-faces", "--json"))
    [second] = rows(encoding("two.png", "--face", "2", "-o", "second.grain", "--json"))
    assert row["further_targets"] == ["two-2.grain"]
    assert row["further_figures"] == [{"psnr": second["psnr"]}] and row["psnr"] != second["psnr"]
    told = encoding("two.png", "--all-faces", "--psnr", "-f").stderr
    assert told.endswith(f" bytes, PSNR {row['psnr']:.2f}, {second['psnr']:.2f} dB\n")


@pytest.mark.parametrize("engine", [(), ("-j", "2")])
def test_a_face_below_the_limit_is_not_written(photos: Path, faces: dict[str, np.ndarray], engine: tuple) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    Image.fromarray(noise).save("noise.png", compress_level=1)
    result = encoding("anna.png", "noise.png", "--align", "never", "--min-psnr", "15", *engine)
    assert result.exit_code == 1 and Path("anna.grain").exists() and not Path("noise.grain").exists()
    [line] = [line for line in result.stderr.splitlines() if "noise.png" in line]
    assert line.startswith("grain-encode: noise.png: the PSNR of ") and line.endswith(
        " dB is below the 15 dB asked for"
    )


def test_one_face_below_the_limit_keeps_all_of_its_picture_from_being_written(photos: Path) -> None:
    result = encoding("two.png", "--all-faces", "--min-psnr", "60")
    assert result.exit_code == 1 and not list(Path().glob("*.grain"))


def test_without_dlib_one_line_says_what_to_install(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "PACKAGES", ("no_such_package",))
    result = encoding("anna.png", "--identity")
    assert result.exit_code == 1 and not Path("anna.grain").exists()
    assert result.stderr == (
        f"grain-encode: the identity distance needs more packages: {install_command('identity')}\n"
    )


@needs_dlib
def test_the_identity_distance_is_told_and_limited(photos: Path, codec: Codec, face: np.ndarray) -> None:
    [row] = rows(encoding("anna.png", "--identity", "--json"))
    expected = identity.OriginalFace(face).distance(codec.decode(Path("anna.grain").read_bytes()))
    assert row["identity"] == pytest.approx(expected, abs=1e-4)
    result = encoding("anna.png", "-f", "--max-identity-distance", f"{expected + 0.01:.3f}")
    assert result.stderr.endswith(f" bytes, identity distance {expected:.3f}\n")
    result = encoding("anna.png", "-o", "other.grain", "--max-identity-distance", "0.01")
    assert result.exit_code == 1 and not Path("other.grain").exists()
    assert result.stderr == (
        f"grain-encode: anna.png: the identity distance of {expected:.3f} is above the 0.01 allowed\n"
    )
