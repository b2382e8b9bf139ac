"""grain-info: tables, JSON, and the test whether a file is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grain_codec.cli.info import PROGRAM
from grain_codec.codec import describe, load_model
from grain_codec.settings import EncodeSettings


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A face in both carriers, and a damaged one."""
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 4, column // 4, (row + column) // 8], -1).astype(np.uint8)
    codec = load_model(device="cpu")
    whole = codec.encode(pixels, EncodeSettings(quality=3))
    return {
        "face.grain": whole,
        "face.grain.png": codec.encode(pixels, EncodeSettings(quality=3, max_bytes=None, carrier="png")),
        "damaged.grain": whole[:15] + bytes([whole[15] ^ 16]) + whole[16:],
    }


@pytest.fixture(autouse=True)
def folder(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, holding the files."""
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def info(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs grain-info in a process of its own."""
    line = [sys.executable, "-m", "grain_codec.cli.info", *arguments]
    return subprocess.run(line, input=given, capture_output=True, check=False)


def test_table(files: dict[str, bytes]) -> None:
    ended = info("face.grain", "face.grain.png")
    assert (ended.returncode, ended.stderr) == (0, b"")
    printed = ended.stdout.decode()
    for name in ("face.grain", "face.grain.png"):
        assert f"{name}\n" in printed
        for value in describe(files[name]).values():
            assert str(value) in printed


def test_json(files: dict[str, bytes]) -> None:
    ended = info("--json", "face.grain", "damaged.grain", "missing.grain", "face.grain.png")
    assert ended.returncode == 1
    whole, damaged, missing, carrier = json.loads(ended.stdout)
    assert whole == {"file": "face.grain", **describe(files["face.grain"])}
    assert carrier == {"file": "face.grain.png", **describe(files["face.grain.png"])}
    assert damaged["file"] == "damaged.grain" and not damaged["ok"] and damaged["error"]
    assert missing == {"file": "missing.grain", "ok": False, "error": "No such file or directory"}


def test_test_says_ok_or_why_not() -> None:
    ended = info("--test", "face.grain", "damaged.grain", ".", "face.grain.png")
    assert ended.returncode == 1
    assert ended.stdout.decode().splitlines() == ["face.grain: OK", "face.grain.png: OK"]
    damaged, directory = ended.stderr.decode().splitlines()
    assert damaged.startswith(f"{PROGRAM}: damaged.grain: ")
    assert directory == f"{PROGRAM}: .: is a folder; name the files in it"
    assert info("--test", "face.grain").returncode == 0


def test_standard_input(files: dict[str, bytes]) -> None:
    ended = info("-", "--json", "--test", given=files["face.grain"])
    assert json.loads(ended.stdout) == [{"file": "stdin", "ok": True}]


def test_unknown_model() -> None:
    ended = info("face.grain", "-m", "nobody")
    assert ended.returncode == 1 and b"nobody" in ended.stderr and b"Traceback" not in ended.stderr


def test_usage() -> None:
    assert info().returncode == 2
