"""grain-encode and grain-decode as runs: overwriting, bad files among good ones, interruptions, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import grain_codec.codec
from grain_codec.cli import decode, encode
from grain_codec.models.face1024.family import Face1024Family
from grain_codec.settings import EncodeSettings
from grain_codec.weights import find_model


def encoding(*arguments: str) -> Result:
    """Runs grain-encode in this process, on pictures that show no real face."""
    return CliRunner().invoke(encode.main, ["--align", "never", *arguments])


def decoding(*arguments: str) -> Result:
    """Runs grain-decode in this process."""
    return CliRunner().invoke(decode.main, [*arguments])


def names(folder: Path) -> set[str]:
    """Everything in a folder, hidden files too."""
    return {path.name for path in folder.iterdir()}


class FakeCodec:
    """Stands in for the networks; what it is asked for is kept."""

    device, family = torch.device("cpu"), Face1024Family()

    def __init__(self) -> None:
        self.loads: list[tuple[str, str, str]] = []
        self.calls: list[EncodeSettings] = []
        self.failure: BaseException | None = None

    def load(self, name: str, device: str, precision: str) -> FakeCodec:
        self.loads.append((name, device, precision))
        return self

    def encode(self, pixels: np.ndarray, settings: EncodeSettings) -> bytes:
        self.calls.append(settings)
        if self.failure is not None:
            raise self.failure
        return b"encoded"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCodec:
    codec = FakeCodec()
    monkeypatch.setattr(grain_codec.codec, "load_model", lru_cache(codec.load))
    return codec


def test_existing_output_is_kept(folder: Path) -> None:
    Path("face.grain").write_bytes(b"mine")
    before = names(folder)
    result = encoding("face.png")
    assert result.exit_code == 1
    assert result.output == "grain-encode: face.png: face.grain exists; --force overwrites it\n"
    assert Path("face.grain").read_bytes() == b"mine" and names(folder) == before


def test_force_overwrites(folder: Path, fake: FakeCodec) -> None:
    Path("face.grain").write_bytes(b"mine")
    assert encoding("face.png", "--force").exit_code == 0
    assert Path("face.grain").read_bytes() == b"encoded"


def test_skip_existing(folder: Path, fake: FakeCodec) -> None:
    Path("face.grain").write_bytes(b"mine")
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    result = encoding("face.png", "--skip-existing")
    assert (result.exit_code, result.output) == (0, "face.png: skipped, face.grain exists\n")
    assert Path("face.grain").read_bytes() == b"mine" and not fake.loads
    assert encoding("face.png", "other.png", "--skip-existing").exit_code == 0
    assert encoding("face.png", "notes.txt", "--skip-existing").exit_code == 1


def test_bad_inputs_do_not_stop_good_ones(folder: Path) -> None:
    before = names(folder)
    result = encoding("notes.txt", "wide.png", "missing.png", "face.png")
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == "grain-encode: notes.txt: no picture of a known format"
    assert lines[1].startswith("grain-encode: wide.png: 80x40 is not square; ") and "--crop" in lines[1]
    assert lines[2] == "grain-encode: missing.png: No such file or directory"
    assert lines[3].startswith("face.png -> face.grain, ")
    assert lines[4].startswith("grain-encode: 4 files: 1 done, 0 skipped, 3 failed; ")
    assert names(folder) == before | {"face.grain"}


def test_output_folder_is_made(folder: Path, fake: FakeCodec) -> None:
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    assert encoding("face.png", "other.png", "-O", "new/folder", "--quiet").output == ""
    assert names(folder / "new" / "folder") == {"face.grain", "other.grain"}
    result = encoding("face.png", "-O", "face.png/below")
    assert result.exit_code == 1 and result.output.startswith("grain-encode: face.png")


def test_missing_folder_of_the_output_is_named(folder: Path, fake: FakeCodec) -> None:
    result = encoding("face.png", "-o", "no/face.grain")
    assert (result.exit_code, result.output) == (1, "grain-encode: no/face.grain: No such file or directory\n")


def test_dry_run_writes_nothing(folder: Path, fake: FakeCodec) -> None:
    before = names(folder)
    result = encoding("face.png", "missing.png", "-O", "out", "--dry-run")
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == "face.png -> out/face.grain"
    assert names(folder) == before and not fake.loads


def test_model_is_loaded_once_and_not_for_nothing(folder: Path, fake: FakeCodec) -> None:
    assert encoding("notes.txt").exit_code == 1
    assert not fake.loads
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    weights = str(find_model("face-1024"))
    assert encoding("notes.txt", "face.png", "other.png", "-m", weights, "--device", "cuda:1").exit_code == 1
    assert fake.loads == [(weights, "cuda:1", "auto")]


def test_options_reach_the_codec(folder: Path, fake: FakeCodec) -> None:
    for arguments in ((), ("-q", "0"), ("--max-bytes", "300"), ("--format", "png", "-e", "3")):
        assert encoding("wide.png", "--crop", "top", "-f", *arguments).exit_code == 0
    assert fake.calls == [
        EncodeSettings(),
        EncodeSettings(quality=0),
        EncodeSettings(max_bytes=300),
        EncodeSettings(carrier="png", effort=3),
    ]


def test_interrupt_leaves_finished_files_only(folder: Path, fake: FakeCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    assert encoding("face.png").exit_code == 0
    before = names(folder)
    fake.failure = KeyboardInterrupt()
    result = encoding("other.png", "wide.png")
    assert result.exit_code == 130
    assert result.output.startswith("grain-encode: interrupted: 2 files: 0 done, 0 skipped, 0 failed; ")
    assert names(folder) == before


@pytest.mark.parametrize(
    ("run", "arguments", "text"),
    [
        (encoding, (), "Missing argument"),
        (encoding, ("face.png", "-q", "101"), "101 is not in the range 0<=x<=100"),
        (encoding, ("face.png", "-q", "5", "--max-bytes", "300"), "--max-bytes contradict"),
        (encoding, ("face.png", "--max-bytes", "0"), "is not a whole number of at least 1 byte"),
        (encoding, ("face.png", "-o", "a", "-O", "b"), "-o names one file"),
        (encoding, ("face.png", "wide.png", "-o", "a"), "-O DIR"),
        (encoding, ("face.png", "-o", "face.png"), "is an input"),
        (encoding, ("face.png", "face.jpg"), "both be written"),
        (encoding, ("face.png", "-f", "--skip-existing"), "contradict"),
        (encoding, ("face.png", "-v", "--quiet"), "contradict"),
        (encoding, ("face.png", "--device", "tpu"), "cuda:N"),
        (encoding, ("face.png", "--crop", "left"), "left"),
        (encoding, ("face.png", "-o", "."), "directory"),
        (decoding, ("face.grain", "-o", "face.xyz"), ".webp"),
        (decoding, ("face.grain", "--size", "15"), "range 16<=x<=4096"),
        (decoding, ("face.grain", "--size", "64", "--thumbnail"), "contradicts"),
        (decoding, ("face.grain", "--fine-quality", "256"), "range 0<=x<=255"),
        (decoding, ("face.grain", "--output", "view"), "rescaled"),
        (decoding, ("face.grain", "--output", "prior", "--thumbnail"), "--thumbnail"),
        (decoding, ("face.png",), "is an input"),
    ],
)
def test_usage_errors(
    folder: Path, fake: FakeCodec, run: Callable[..., Result], arguments: tuple[str, ...], text: str
) -> None:
    before = names(folder)
    result = run(*arguments)
    assert result.exit_code == 2 and text in result.output
    assert names(folder) == before and not fake.loads


@pytest.mark.parametrize(("command", "run"), [("encode", encoding), ("decode", decoding)])
def test_unusable_model_ends_the_run(folder: Path, command: str, run: Callable[..., Result]) -> None:
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    result = run("face.png", "other.png", "-m", "nobody", "-O", "out")
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert result.output.startswith(f"grain-{command}: nobody: no model 'nobody'")
