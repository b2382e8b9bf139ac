"""grain-encode and grain-decode: round trips, qualities and limits, formats, and files that are refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import grain_codec.codec
from grain_codec.cli import bench, decode, encode, info, train, weights
from grain_codec.codec import Codec
from grain_codec.settings import EncodeSettings


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


def distance(one: Path, other: Path) -> float:
    """Mean absolute difference of two pictures."""
    first, second = (np.array(Image.open(path)).astype(int) for path in (one, other))
    return float(np.abs(first - second).mean())


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
    assert distance(folder / "decoded.png", folder / "face.png") < 20


def test_both_carriers_hold_the_same_face(folder: Path) -> None:
    assert encoding("face.png").exit_code == encoding("face.png", "-o", "carrier.png").exit_code == 0
    assert Image.open("carrier.png").size == (16, 16)
    for source, target in (("face.grain", "a.bmp"), ("carrier.png", "b.bmp")):
        assert decoding(source, "-o", target).exit_code == 0
    assert Path("a.bmp").read_bytes() == Path("b.bmp").read_bytes()


def test_quality_and_byte_cap(folder: Path) -> None:
    assert encoding("face.png", "-q", "0", "-o", "low.grain").exit_code == 0
    assert encoding("face.png", "-q", "100", "-o", "high.grain").exit_code == 0
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


@pytest.mark.parametrize("command", [bench.main, decode.main, encode.main, info.main, train.main, weights.main])
def test_short_form_of_the_version(command: click.Command) -> None:
    assert CliRunner().invoke(command, ["-V"]).output == CliRunner().invoke(command, ["--version"]).output
    assert CliRunner().invoke(command, ["-V"]).output.endswith(f" {grain_codec.version.VERSION}\n")


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


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_grey_photographs_come_back_grey(folder: Path, engine: str) -> None:
    Image.open("face.png").convert("L").save("grey.jpg")
    assert encoding("grey.jpg", "-q", "1").exit_code == encoding("face.png", "-q", "1").exit_code == 0
    for name, mode in (("grey", "L"), ("face", "RGB")):
        for suffix in (".png", ".jpg"):
            result = decoding(f"{name}.grain", "-o", f"decoded{suffix}", "-f", "--engine", engine, "--size", "200")
            assert result.exit_code == 0 and Image.open(f"decoded{suffix}").mode == mode


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
