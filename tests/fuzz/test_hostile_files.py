"""Particular attacks: compression bombs, false sizes, unusable tables, terminal commands in texts, endless streams."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fuzzing.bounds import within_bounds
from fuzzing.mutation import apply, random_edit
from fuzzing.repair import png as with_checksums
from fuzzing.surfaces import PACKET, TINY_TABLES
from PIL import Image

from grain_codec.cli import decode, encode, info, weights
from grain_codec.cli.batch.files import inputs
from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import BadImage, Corrupt, GrainError, NotGrain, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.formats.images import exif, reading, xmp
from grain_codec.formats.images.reading import open_picture, read_face
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.thumbnail import ThumbnailTables, draw_thumbnail
from grain_codec.models.tensor_files import read_content
from grain_codec.weights import MOST_HEADER_BYTES, read_model, write_file

MIB = 1 << 20


def peak_of(act: Callable[[], object]) -> int:
    """The most memory in bytes that Python and numpy hold while something is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(GrainError):
            act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def png_of(side: int, content: bytes) -> bytes:
    """A PNG whose header announces a grey square, with the given compressed pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", content), (b"IEND", b"")]
    return with_checksums(
        b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(body)) + kind + body + bytes(4) for kind, body in parts)
    )


@pytest.mark.parametrize("side", [100_000, 2**31 - 1])
def test_huge_pngs_are_refused_before_anything_is_allocated(side: int):
    bomb = png_of(side, zlib.compress(bytes(1 << 16)))
    with pytest.raises(NotGrain, match=f"{side}x{side}"):
        png_carrier.unpack(bomb)
    with pytest.raises(BadImage, match="bomb.png: .*(100 million pixels|damaged)"):
        read_face(bomb, "bomb.png")
    assert peak_of(lambda: png_carrier.unpack(bomb)) < MIB
    assert peak_of(lambda: read_face(bomb, "bomb.png")) < MIB


def test_a_picture_just_beyond_the_bound_is_refused_by_its_header():
    """Pillow itself would decode it: 100 MB from a file of 100 kB."""
    bomb = png_of(10_001, zlib.compress(bytes(10_001 * 10_002), 1))
    assert len(bomb) < MIB
    with pytest.raises(BadImage, match="10001x10001 is more than 100 million pixels"):
        read_face(bomb, "bomb.png")
    assert peak_of(lambda: read_face(bomb, "bomb.png")) < MIB


def test_texts_in_a_picture_are_not_inflated_without_bound():
    text = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(1 << 26), 9)
    whole = io.BytesIO()
    Image.new("RGB", (32, 32)).save(whole, "PNG")
    data = whole.getvalue()
    bomb = data[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + data[33:]
    with pytest.raises(BadImage, match="damaged"):
        open_picture(bomb, "bomb.png")
    assert peak_of(lambda: open_picture(bomb, "bomb.png")) < 8 * MIB


def test_the_picture_within_an_icon_decides_its_size(monkeypatch: pytest.MonkeyPatch):
    """Its directory says 16x16; the PNG in it has another size."""
    inner = png_of(200, zlib.compress(bytes(200 * 201)))
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHLL", 16, 16, 0, 0, 1, 8, len(inner), 22) + inner
    assert open_picture(icon, "small.ico").size == (200, 200)
    monkeypatch.setattr(reading, "MOST_PIXELS", 10_000)
    with pytest.raises(BadImage, match="small.ico: 200x200 is more than"):
        open_picture(icon, "small.ico")


def test_a_picture_that_is_a_program_is_not_run():
    """Pillow would start Ghostscript."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(/etc/passwd) (r) file\n%%EOF\n"
    with pytest.raises(BadImage, match="EPS is a program"):
        open_picture(program, "picture.eps")


def test_metadata_that_would_take_long_do_not():
    """Texts just too short to count as pictures, and one value that many entries share."""
    runs = PACKET.replace(b"Anna", b"<b/>".join([b"A" * 399 + b" "] * 1200))
    assert len(runs) < xmp.MOST_BYTES
    many = [struct.pack("<HHLL", tag, 2, 60_000, 0) for tag in (0x10E, 0x10F, 0x110, 0x131, 0x13B, 0x13C, 0x8298) * 900]
    shared = b"II*\0\x08\0\0\0" + struct.pack("<H", len(many)) + b"".join(many) + bytes(60_000)
    for cleaned in (lambda: xmp.clean(runs, True), lambda: exif.clean(shared, True)):
        tracemalloc.start()
        try:
            with suppress(Corrupt):
                cleaned()
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 64 * MIB


@pytest.fixture(scope="module")
def tiny() -> tuple[Face1024Spec, dict[str, np.ndarray]]:
    """Spec and tensors of a small model."""
    model = read_model(TINY_TABLES)
    assert isinstance(model.spec, Face1024Spec)
    return model.spec, model.tensors


TABLES = [
    ("tables.thumbnail_scales", "of type int64", lambda table: table.astype(np.int64) + 10**6),
    ("tables.detail_scales", "of type int16", lambda table: table.astype(np.int16) - 300),
    ("tables.cumulative", "of type float32", lambda table: table.astype(np.float32)),
    ("tables.cumulative", "alphabets", np.zeros_like),
    ("tables.cumulative", "alphabets", lambda table: table[:, ::-1].copy()),
    ("tables.cumulative", "alphabets", lambda table: table[:3].copy()),
    ("tables.thumbnail_steps", "of type float64", lambda table: np.full(table.shape, np.nan)),
    ("tables.thumbnail_steps", "has shape", lambda table: table[:2].copy()),
    ("networks.rescaling.thumbnail_mean", "of type float32", lambda table: np.full(table.shape, np.inf, np.float32)),
    ("networks.rescaling.thumbnail_basis", "of type float64", lambda table: table.astype(np.float64)),
]


@pytest.mark.parametrize("name, told, change", TABLES)
def test_tables_of_other_types_shapes_or_meaning_are_refused(
    tiny: tuple[Face1024Spec, dict[str, np.ndarray]], tmp_path: Path, name: str, told: str, change: Callable
):
    spec, tensors = tiny
    path = tmp_path / "hostile.safetensors"
    write_file(path, spec, {**tensors, name: change(tensors[name])}, "")
    with pytest.raises(WrongModel, match=told):
        read_model(path).coder()


@pytest.mark.parametrize("sign, shade", [(1, 255), (-1, 0)])
def test_the_largest_numbers_stay_within_64_bits(sign: int, shade: int):
    """For the largest tables and levels that types and coder allow, sums are clipped and do not wrap round."""
    tables = ThumbnailTables(
        mean=np.full(LR_SAMPLES, sign * (2**31 - 1), np.int32),
        basis=np.full((LR_SAMPLES, LR_SAMPLES), 2**15 - 1, np.int16),
        steps=np.full(1, 2**31 - 1, np.int32),
    )
    assert (draw_thumbnail(np.full(LR_SAMPLES, sign << 27), 0, tables) == shade).all()


def safetensors(header: bytes, length: int | None = None) -> bytes:
    """A weights file that consists of a header and states a length for it."""
    return struct.pack("<Q", len(header) if length is None else length) + header


@pytest.mark.parametrize("length", [MOST_HEADER_BYTES + 1, 100_000_000, 2**63, 2**64 - 1])
def test_headers_that_claim_to_be_huge_are_not_read(tmp_path: Path, length: int):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(b"{}" + bytes(100), length))
    with pytest.raises(WrongModel, match="model.safetensors: its header is too large"):
        read_model(path)


def test_sparse_files_of_gigabytes_are_not_read(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(WrongModel, match="too large"):
        read_model(path)


DEEP = '{"a":' * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize("text", ["[" * 100_000, DEEP, '{"family":1e999}', '"' * 9, "9" * 5000])
def test_specs_that_are_none_are_refused(tmp_path: Path, text: str):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(json.dumps({"__metadata__": {"spec": text}}).encode()))
    with pytest.raises(WrongModel, match="model.safetensors"):
        read_model(path)


@pytest.mark.filterwarnings("ignore:Detected pickle")
def test_damaged_checkpoints_are_refused(tmp_path: Path):
    """Tries both layouts of checkpoints that torch has had."""
    path, source, refused = tmp_path / "model.pt", random.Random(0), 0
    for zipped in (True, False):
        torch.save({"state_dict": {"a": torch.zeros(3)}}, path, _use_new_zipfile_serialization=zipped)
        whole = path.read_bytes()
        for _ in range(150):
            path.write_bytes(apply(whole, [random_edit(source)]))
            with within_bounds(path):
                try:
                    read_content(path)
                except WrongModel as error:
                    assert "model.pt" in str(error)
                    refused += 1
    assert refused > 100


def run(command: object, *arguments: str | Path, **options: object) -> tuple[int, str]:
    """Exit code and output of a command."""
    ended = CliRunner().invoke(command, [str(argument) for argument in arguments], **options)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def test_nothing_in_a_file_commands_the_terminal(tmp_path: Path):
    """Names of tensors and fields, and the text on the weights' origin, may contain escape sequences."""
    path, escape = tmp_path / "model.safetensors", "\x1b]0;owned\x07\n"
    path.write_bytes(safetensors(json.dumps({"__metadata__": {"spec": json.dumps({escape * 1000: 1})}}).encode()))
    encoded = tmp_path / "face.grain"
    encoded.write_bytes(container.pack(container.StoredFace(3, b"abc", b"face")))
    write_file(tmp_path / "told.safetensors", Face1024Spec(), {"networks.a": np.zeros(1)}, escape)
    for command, *arguments in (
        (info.main, encoded, "-m", path),
        (decode.main, encoded, "-m", path, "-o", tmp_path / "face.png"),
        (weights.main, "info", path),
        (weights.main, "info", tmp_path / "told.safetensors"),
    ):
        _, told = run(command, *arguments)
        assert "\x1b" not in told and "\x07" not in told and "owned" in told


@pytest.mark.parametrize("command", [decode.main, encode.main])
def test_a_stream_without_an_end_is_refused(command: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inputs, "MOST_INPUT_BYTES", 1 << 20)
    code, told = run(command, "-", "-o", "-", input=bytes((1 << 20) + 1))
    assert code == 1 and "more than any picture needs" in told


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_a_device_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inputs, "MOST_INPUT_BYTES", 1 << 20)
    code, told = run(info.main, "/dev/zero")
    assert code == 1 and "more than any picture needs" in told


def test_a_compressed_bomb_is_no_picture():
    with pytest.raises(BadImage):
        read_face(gzip.compress(bytes(1 << 20)), "bomb.png")


READ_IN_A_PROCESS = r"""
import re, sys
from grain_codec.formats.images.reading import read_face
read_face(open(sys.argv[1], "rb").read(), "bomb.png")
# Of this process alone; ru_maxrss would begin with the memory of the process that started it.
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory that a process has taken")
def test_the_largest_picture_with_alpha_takes_less_than_a_gigabyte(tmp_path: Path):
    """100 million pixels, transparent all over, from a file of 2 MB."""
    rows = zlib.compress(bytes(10_000 * (1 + 4 * 10_000)), 1)
    bomb = bytearray(png_of(10_000, rows))
    bomb[25] = 6
    (tmp_path / "bomb.png").write_bytes(with_checksums(bytes(bomb)))
    command = [sys.executable, "-c", READ_IN_A_PROCESS, str(tmp_path / "bomb.png")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(told) < 1 << 20
