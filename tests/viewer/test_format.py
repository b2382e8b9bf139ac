"""The reader of files in viewer/src/format agrees with the package on all that a file holds, and on what it refuses."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import portable
import pytest
from PIL import Image

from grain_codec.codec import FaceFile, FileCodec
from grain_codec.coding.level_coder import MOST_ESCAPE_BITS
from grain_codec.errors import GrainError, WrongModel
from grain_codec.formats import container, png_carrier, qr_carrier
from grain_codec.models.face1024.coder import thumbnail_tables
from grain_codec.models.face1024.contexts import CELLS
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.face1024.thumbnail import draw_thumbnail
from grain_codec.portable.tables import write_tables
from grain_codec.settings import EncodeSettings
from grain_codec.weights import read_model

base45 = pytest.importorskip("base45")

VIEWER = Path(__file__).resolve().parents[2] / "viewer"
TSX = VIEWER / "node_modules" / "tsx" / "dist" / "cli.mjs"
NODE = shutil.which("node")
MANIFEST = json.loads(portable.MANIFEST.read_text(encoding="utf-8"))
RANDOM_FILES = 500  # Of each model.
ONLY_FOR_COMMANDS = "; give it with --fine-quality"  # Python's reader ends a sentence so; the page has no options.

pytestmark = pytest.mark.skipif(
    NODE is None or not TSX.exists(), reason="needs node, and `npm ci` in the folder viewer"
)

Read = dict[str, Any]
"""What a reader tells of a file: its content, or the error that it raises."""


class Readers:
    """The two readers of one model's files."""

    def __init__(self, model: str, folder: Path):
        weights = portable.weights_of(model)
        assert weights is not None
        self.files = FileCodec(read_model(weights))
        self._folder, self._tables = folder, write_tables(self.files.model, folder, "for a test")
        self._thumbnails = thumbnail_tables(self.files.spec, self.files.model.tensors)

    def in_typescript(self, contents: list[bytes]) -> list[Read]:
        """What the page's reader tells of each file."""
        paths = [self._folder / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents):
            path.write_bytes(content)
        command = [str(NODE), str(TSX), str(VIEWER / "src" / "format" / "read-files.ts"), str(self._tables)]
        names = "\n".join(map(str, paths))
        ended = subprocess.run(command, input=names, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def in_python(self, data: bytes) -> Read:
        """What the package tells of a file."""
        try:
            inside = data if png_carrier.is_png(data) else qr_carrier.carried(data, "a test")
            face = self.files.read(inside)
        except GrainError as error:
            name = "OtherWeights" if isinstance(error, WrongModel) else "UnreadableFile"
            return {"error": name, "reason": str(error).removesuffix(ONLY_FOR_COMMANDS)}
        return self.content(face if inside is data else replace(face, carrier="text"))

    def content(self, face: FaceFile) -> Read:
        """The content of a file, as the page's reader prints it."""
        assert face.payload is not None
        symbols: Any = face.symbols
        thumbnail = draw_thumbnail(symbols.thumbnail, symbols.fine_quality, self._thumbnails)
        return {
            "carrier": face.carrier,
            "fileBytes": len(face.data),
            "payloadBytes": len(face.payload.data),
            "tailBytes": len(self.files.coder.tail(face.payload)),
            "fineQuality": face.payload.fine_quality,
            "fingerprint": self.files.model.coding_fingerprint.hex(),
            "lrImage": portable.digest_of_pixels(self.files.lr_image(face)),
            "thumbnail": portable.digest_of_pixels(thumbnail),
            "symbols": portable.digest_of_symbols(symbols),
            "grey": face.grey,
            "chunks": [[f"{chunk.tag:02x}", chunk.content.hex()] for chunk in face.chunks],
        }

    def agree(self, contents: list[bytes]) -> list[Read]:
        """What both readers tell of each file; fails where they tell different things."""
        found = self.in_typescript(contents)
        assert len(found) == len(contents)
        for data, told in zip(contents, found):
            assert told == self.in_python(data), data.hex()
        return found


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Readers]:
    """The readers of the shipped and of the tiny model."""
    return {model: Readers(model, tmp_path_factory.mktemp(model)) for model in ("face-1024", "tiny")}


@pytest.fixture(scope="module")
def tiny(readers: dict[str, Readers]) -> Readers:
    return readers["tiny"]


def golden(name: str) -> bytes:
    return (portable.FILES / name).read_bytes()


@pytest.mark.parametrize("model", ["face-1024", "tiny"])
def test_golden_files(readers: dict[str, Readers], model: str) -> None:
    entries = [entry for entry in MANIFEST if entry["model"] == model]
    found = readers[model].agree([golden(entry["file"]) for entry in entries])
    assert [(face["symbols"], face["lrImage"]) for face in found] == [
        (entry["symbols"], entry["low_resolution"]) for entry in entries
    ]


def random_levels(rng: np.random.Generator, count: int) -> np.ndarray:
    """Levels of which few or many are not zero, and none, some or many are huge; int64 `[count]`."""
    filled = int(count ** rng.uniform(0, 1))
    magnitudes = rng.geometric(rng.uniform(0.1, 0.9), filled)
    magnitudes[rng.random(filled) < rng.choice([0, 0.001, 0.5])] *= 1000
    levels = np.zeros(count, np.int64)
    signed = np.minimum(magnitudes, 1 << MOST_ESCAPE_BITS) * rng.choice([-1, 1], filled)
    levels[rng.choice(count, filled, replace=False)] = signed
    return levels


def random_faces(readers: Readers, count: int) -> Iterator[FaceFile]:
    """Files of random symbols and carriers, as the package writes them, with the symbols that they were made from."""
    files, rng = readers.files, np.random.default_rng(7)
    spec: Any = files.spec
    while count:
        thumbnail = random_levels(rng, spec.thumbnail_components)
        details = random_levels(rng, CELLS * spec.detail_components).reshape(CELLS, -1)
        symbols = Face1024Symbols(thumbnail, details, int(rng.integers(spec.fine_qualities)))
        payload = files.coder.encode(symbols)
        if len(payload.data) > container.MOST_PAYLOAD:
            continue
        carrier = str(rng.choice(["grain", "png", "text"], p=[0.4, 0.5, 0.1]))
        settings = EncodeSettings(carrier="png" if carrier == "png" else "grain")
        grey = bool(rng.integers(2))
        data = files.write(symbols, payload, settings, grey)
        if carrier != "text" or len(base45.b45encode(data)) <= qr_carrier.MOST_TEXT:
            yield FaceFile(symbols, payload, carrier, (), grey, data)
            count -= 1


@pytest.mark.slow
@pytest.mark.parametrize("model", ["face-1024", "tiny"])
def test_random_files(readers: dict[str, Readers], model: str) -> None:
    faces = list(random_faces(readers[model], RANDOM_FILES))
    assert any(readers[model].files.coder.tail(face.payload) for face in faces if face.payload)
    contents = [base45.b45encode(face.data) if face.carrier == "text" else face.data for face in faces]
    assert readers[model].in_typescript(contents) == [readers[model].content(face) for face in faces]


@pytest.mark.parametrize("name", ["busy.grain", "quiet.grain", "busy.grain.png"])
def test_truncations_are_refused_with_the_same_sentence(tiny: Readers, name: str) -> None:
    data = golden(f"tiny-{name}")
    assert all("error" in told for told in tiny.agree([data[:size] for size in range(len(data))]))


def flipped(data: bytes, mended: Callable[[bytes], bytes] = bytes) -> list[bytes]:
    """The file with each of its bits flipped."""
    return [
        mended(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        for place in range(len(data))
        for bit in range(8)
    ]


@pytest.mark.parametrize("name", ["busy.grain", "quiet.grain", "busy.grain.png"])
def test_flipped_bits_are_refused_with_the_same_sentence(tiny: Readers, name: str) -> None:
    assert all("error" in told for told in tiny.agree(flipped(golden(f"tiny-{name}"))))


@pytest.mark.slow
def test_flipped_bits_under_a_fitting_checksum_read_the_same(tiny: Readers) -> None:
    """Few of these files are refused by the container; most are other payloads, which an encoder may write or not."""
    content = golden("tiny-busy.grain")[:-3]
    found = tiny.agree(flipped(content, lambda changed: changed + container.checksum(changed)))
    reasons = {told.get("reason") for told in found}
    assert {None, "the payload is not one that an encoder writes"} < reasons and len(reasons) > 10


def test_damaged_texts_are_refused_with_the_same_sentence(tiny: Readers) -> None:
    text = base45.b45encode(golden("tiny-busy.grain"))
    damaged = [text[:size] for size in range(len(text))] + flipped(text)
    assert all("error" in told for told in tiny.agree(damaged))
    assert [told["carrier"] for told in tiny.agree([text + b"\r\n", text + b"\n\n"])] == ["text", "text"]


def test_altered_pixels_under_a_fitting_checksum_read_the_same(tiny: Readers) -> None:
    """Some of them are another face, as an encoder would write it."""
    carrier = png_carrier.unpack(golden("tiny-busy.grain.png"))
    contents = []
    for sample in range(0, 768, 3):
        pixels = carrier.pixels.copy()
        pixels.reshape(-1)[sample] ^= 1 << sample // 3 % 8
        contents.append(png_carrier.pack(replace(carrier, pixels=pixels)))
    contents.append(png_carrier.pack(replace(carrier, tail=b"tail")))
    reasons = {told.get("reason") for told in tiny.agree(contents)}
    assert {None, "the LR image was altered, or is of another quality or model"} < reasons


def test_files_of_other_weights_are_refused_with_the_same_sentence(readers: dict[str, Readers]) -> None:
    of_others = {
        "tiny": ["anna-q5.grain", "otis-q3.grain.png"],
        "face-1024": ["tiny-busy.grain", "tiny-busy.grain.png"],
    }
    for model, names in of_others.items():
        for told in readers[model].agree([golden(name) for name in names]):
            assert told["error"] == "OtherWeights"


def with_private_chunk(data: bytes, written: bytes) -> bytes:
    """A carrier that another program has written, with the private chunk of the first one put back."""
    start = data.index(b"grIn") - 4
    size = 12 + int.from_bytes(data[start : start + 4], "big")
    return written[:33] + data[start : start + size] + written[33:]


def png(stream: bytes, interlace: int = 0) -> bytes:
    """A PNG of 16x16 RGB pixels, whose pixel data are any bytes."""
    written = png_carrier.SIGNATURE
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, interlace)
    for chunk in (b"IHDR" + header, b"IDAT" + stream, b"IEND"):
        written += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return written


def interlaced(pixels: np.ndarray) -> bytes:
    """An interlaced PNG of RGB pixels."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    raw = b""
    for row, row_step, column, column_step in passes:
        raw += b"".join(b"\0" + line.tobytes() for line in pixels[row::row_step, column::column_step])
    return png(zlib.compress(raw), interlace=1)


def test_carriers_that_other_programs_wrote_are_read(tiny: Readers) -> None:
    data = golden("tiny-busy.grain.png")
    pixels = png_carrier.unpack(data).pixels
    colours, indices = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    paletted = Image.fromarray(indices.reshape(16, 16).astype(np.uint8), "P")
    paletted.putpalette(colours.tobytes())
    contents = [interlaced(pixels)]
    for image in (Image.fromarray(pixels), Image.fromarray(pixels).convert("RGBA"), paletted):
        for level in (0, 9):
            written = io.BytesIO()
            image.save(written, "PNG", compress_level=level)
            contents.append(written.getvalue())
    for told in tiny.agree([with_private_chunk(data, written) for written in contents]):
        assert told["carrier"] == "png"
    for told in tiny.agree(contents):
        assert told["reason"] == "the PNG has lost the chunk that names its quality"


def test_damaged_pixel_data_are_refused_with_the_same_sentence(tiny: Readers) -> None:
    right = zlib.compress(bytes(16 * 49))
    streams = [b"", b"no stream", right[:-1], right + b"\0", right[:-1] + b"?", right[2:], b"\x78\xbb\0\0\0\0\0"]
    streams += [zlib.compress(raw) for raw in (bytes(783), bytes(1 << 20), b"\5" + bytes(783))]
    reasons = {told["reason"] for told in tiny.agree([png(stream) for stream in streams])}
    assert all("pixels of the PNG" in reason for reason in reasons) and len(reasons) > 4
