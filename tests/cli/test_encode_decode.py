"""grain-encode and grain-decode: round trips, overwriting, bad files among good ones, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import grain_codec.codec
from grain_codec.cli import decode, encode, info
from grain_codec.codec import Codec
from grain_codec.models.face1024.family import Face1024Family
from grain_codec.settings import EncodeSettings
from grain_codec.weights import find_model


def portrait() -> np.ndarray:
    """A shaded ellipse before a gradient, uint8 `[1024, 1024, 3]`."""
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 8 + 40, column // 8 + 60, (row + column) // 16 + 50], -1).astype(np.uint8)
    pixels[((column - 512) / 260) ** 2 + ((row - 500) / 350) ** 2 < 1] = (214, 170, 140)
    return pixels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a face, a picture that is not square, and a file that is no picture."""
    Image.fromarray(portrait()).save(tmp_path / "face.png", compress_level=1)
    Image.new("RGB", (80, 40)).save(tmp_path / "wide.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def encoding(*arguments: str) -> Result:
    """Runs grain-encode in this process, on pictures that show no real face."""
    return CliRunner().invoke(encode.main, ["--align", "never", *arguments])


def decoding(*arguments: str) -> Result:
    """Runs grain-decode in this process."""
    return CliRunner().invoke(decode.main, [*arguments])


def piped(command: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs a command in a process of its own, its standard streams being pipes."""
    line = [sys.executable, "-m", f"grain_codec.cli.{command}", *arguments]
    return subprocess.run(line, input=given, capture_output=True, check=False)


def names(folder: Path) -> set[str]:
    """Everything in a folder, hidden files too."""
    return {path.name for path in folder.iterdir()}


def distance(path: Path) -> float:
    """Mean absolute difference of a decoded face from the portrait."""
    return float(np.abs(np.array(Image.open(path)).astype(int) - portrait()).mean())


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


@pytest.mark.parametrize(("carrier", "encoded"), [("grain", "face.grain"), ("png", "face.grain.png")])
def test_round_trip(folder: Path, carrier: str, encoded: str) -> None:
    before = names(folder)
    result = encoding("face.png", "--format", carrier)
    assert result.output == f"face.png -> {encoded}, {Path(encoded).stat().st_size} bytes\n"
    assert names(folder) == before | {encoded}
    result = decoding(encoded, "-o", "decoded.png")
    assert result.exit_code == 0, result.output
    assert names(folder) == before | {encoded, "decoded.png"}
    assert Image.open("decoded.png").size == (1024, 1024)
    assert distance(folder / "decoded.png") < 20


def test_both_carriers_hold_the_same_face(folder: Path) -> None:
    assert encoding("face.png").exit_code == encoding("face.png", "-o", "carrier.png").exit_code == 0
    assert Image.open("carrier.png").size == (16, 16)
    for source, target in (("face.grain", "a.bmp"), ("carrier.png", "b.bmp")):
        assert decoding(source, "-o", target).exit_code == 0
    assert Path("a.bmp").read_bytes() == Path("b.bmp").read_bytes()


def test_quality_and_byte_cap(folder: Path) -> None:
    assert encoding("face.png", "-q", "1", "-o", "low.grain").exit_code == 0
    assert encoding("face.png", "-q", "8", "-o", "high.grain").exit_code == 0
    assert (folder / "low.grain").stat().st_size < (folder / "high.grain").stat().st_size
    assert encoding("face.png", "--max-bytes", "150", "-o", "capped.grain").exit_code == 0
    assert (folder / "capped.grain").stat().st_size <= 150
    result = encoding("face.png", "--max-bytes", "15", "-o", "tiny.grain")
    assert result.exit_code == 1 and "smallest size possible" in result.output
    assert not (folder / "tiny.grain").exists()


def test_two_names_are_input_and_output(folder: Path) -> None:
    assert encoding("face.png", "out.grain", "--max-bytes", "1k").exit_code == 0
    assert (folder / "out.grain").stat().st_size <= 1000
    assert decoding("out.grain", "out.bmp").exit_code == 0 and Image.open("out.bmp").size == (1024, 1024)
    result = decoding("out.grain", "out.bmp")
    assert result.exit_code == 1 and "out.bmp exists" in result.output
    assert names(folder) == {"face.png", "wide.png", "notes.txt", "out.grain", "out.bmp"}


def test_quality_of_the_picture(folder: Path) -> None:
    assert encoding("face.png").exit_code == 0
    for quality in ("20", "95"):
        assert decoding("face.grain", f"{quality}.jpg", "--image-quality", quality).exit_code == 0
    assert 2 * (folder / "20.jpg").stat().st_size < (folder / "95.jpg").stat().st_size
    result = decoding("face.grain", "out.png", "--image-quality", "90")
    assert result.exit_code == 2 and "PNG has no quality" in result.output


def test_limits_that_are_far_from_reached_are_noticed(folder: Path) -> None:
    result = encoding("face.png", "--max-bytes", "4000")
    size = (folder / "face.grain").stat().st_size
    assert size < 3000 and f"the best quality takes {size} of the 4000 bytes allowed" in result.output
    assert "bytes allowed" not in encoding("face.png", "--max-bytes", "200", "--force").output


def test_why_a_png_does_not_fit_in_the_limit(folder: Path) -> None:
    result = encoding("face.png", "--format", "png", "--max-bytes", "300")
    assert result.exit_code == 1
    assert "a 16x16 PNG holds 768 samples at any quality, and a .grain file is smaller" in result.output


def test_inputs_on_a_list(folder: Path) -> None:
    (folder / "list").write_text("face.png\nmissing.png\n")
    result = encoding("--files-from", "list", "-O", "out", "-q", "1")
    assert result.exit_code == 1 and "missing.png: No such file" in result.output
    assert names(folder / "out") == {"face.grain"}
    assert encoding().exit_code == 2


@pytest.mark.parametrize("command", [encode.main, decode.main])
def test_short_form_of_the_version(command: click.Command) -> None:
    assert CliRunner().invoke(command, ["-V"]).output == CliRunner().invoke(command, ["--version"]).output != ""


def test_options_are_completed_by_the_shell() -> None:
    asked = {"_GRAIN_ENCODE_COMPLETE": "bash_complete", "COMP_WORDS": "grain-encode --align ", "COMP_CWORD": "2"}
    result = CliRunner().invoke(encode.main, [], prog_name="grain-encode", env=asked)
    assert result.output.split() == ["plain,auto", "plain,always", "plain,never"]


def test_standard_streams(folder: Path) -> None:
    encoded = piped("encode", "--align", "never", "-", given=(folder / "face.png").read_bytes())
    assert encoded.returncode == 0, encoded.stderr
    assert encoded.stderr == f"stdin -> stdout, {len(encoded.stdout)} bytes\n".encode()
    decoded = piped("decode", "-", "--size", "64", "--quiet", given=encoded.stdout)
    assert (decoded.returncode, decoded.stderr) == (0, b"")
    assert Image.open(io.BytesIO(decoded.stdout)).size == (64, 64)
    assert names(folder) == {"face.png", "wide.png", "notes.txt"}


def test_decoded_sizes_formats_and_thumbnail(folder: Path) -> None:
    assert encoding("face.png").exit_code == 0
    for arguments, size, format in (
        (("-o", "small.jpg", "--size", "100"), 100, "JPEG"),
        (("-o", "large.webp", "--size", "1500"), 1500, "WEBP"),
        (("-o", "thumbnail.png", "--thumbnail"), 16, "PNG"),
    ):
        result = decoding("face.grain", *arguments)
        assert result.exit_code == 0, result.output
        written = Image.open(arguments[1])
        assert (written.size, written.format) == ((size, size), format)


def test_carrier_without_its_chunk(folder: Path) -> None:
    assert encoding("face.png", "-o", "carrier.png").exit_code == 0
    quality = grain_codec.codec.describe(Path("carrier.png").read_bytes())["fine quality"]
    Image.fromarray(np.array(Image.open("carrier.png"))).save("bare.png")
    result = decoding("bare.png", "-o", "face.bmp")
    assert result.exit_code == 1 and "--fine-quality" in result.output
    assert decoding("bare.png", "-o", "face.bmp", "--fine-quality", str(quality)).exit_code == 0
    assert Image.open("face.bmp").size == (1024, 1024)
    told = CliRunner().invoke(info.main, ["bare.png"])
    assert told.exit_code == 1 and "--fine-quality" in told.output
    told = CliRunner().invoke(info.main, ["bare.png", "--json", "--fine-quality", str(quality)])
    assert json.loads(told.output)[0]["fine quality"] == quality


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


def test_damaged_files_are_named(folder: Path) -> None:
    assert encoding("face.png").exit_code == 0
    whole = Path("face.grain").read_bytes()
    Path("flipped.grain").write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    Path("cut.grain").write_bytes(whole[:-5])
    before = names(folder)
    result = decoding("flipped.grain", "cut.grain", "notes.txt", "face.grain", "-O", "out", "--thumbnail")
    lines = result.output.splitlines()
    assert result.exit_code == 1
    for line, name in zip(lines, ("flipped.grain", "cut.grain", "notes.txt")):
        assert line.startswith(f"grain-decode: {name}: ")
    assert names(folder) == before | {"out"} and names(folder / "out") == {"face.png"}


@pytest.mark.parametrize("carrier", ["grain", "png"])
def test_a_damaged_file_is_refused_without_torch(folder: Path, codec: Codec, face: np.ndarray, carrier: str) -> None:
    data = codec.encode(face, EncodeSettings(carrier=carrier))
    Path("cut.grain").write_bytes(data[:-5])
    code = (
        "import sys; from grain_codec.cli.decode import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "cut.grain", "--device", "cpu"], capture_output=True, text=True, check=False
    )
    assert ended.stdout == "1 False\n" and ended.stderr.startswith("grain-decode: cut.grain: ")


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
    for arguments in ((), ("-q", "8"), ("--max-bytes", "300"), ("--format", "png", "-e", "3")):
        assert encoding("wide.png", "--crop", "top", "-f", *arguments).exit_code == 0
    assert fake.calls == [
        EncodeSettings(),
        EncodeSettings(quality=8),
        EncodeSettings(max_bytes=300),
        EncodeSettings(carrier="png", effort=3),
    ]


@pytest.mark.parametrize(("command", "run"), [("encode", encoding), ("decode", decoding)])
def test_unusable_model_ends_the_run(folder: Path, command: str, run: Callable[..., Result]) -> None:
    Path("other.png").write_bytes(Path("face.png").read_bytes())
    result = run("face.png", "other.png", "-m", "nobody", "-O", "out")
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert result.output.startswith(f"grain-{command}: nobody: no model 'nobody'")


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
        (encoding, ("face.png", "-q", "9"), "range 1<=x<=8"),
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


@pytest.mark.parametrize("run", [encoding, decoding])
def test_version(run: Callable[..., Result]) -> None:
    assert run("--version").output.split()[-1] == grain_codec.version.VERSION


def test_a_precision_that_the_processor_lacks_is_one_line_and_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoding("face.png", "-q", "1").exit_code == 0
    assert decoding("face.grain", "-o", "plain.bmp", "--precision", "float32", "--device", "cpu").exit_code == 0
    before = names(folder)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    result = decoding("face.grain", "-o", "halved.bmp", "--precision", "bfloat16", "--device", "cpu")
    assert result.exit_code == 1 and result.output.count("\n") == 1 and "bfloat16" in result.output
    assert names(folder) == before
