"""Opening through the Pillow plugin: without torch, decoding on use, thumbnails, and what it refuses."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import grain_codec
from grain_codec.codec import file_codec, low_resolution_image
from grain_codec.errors import GrainError
from grain_codec.formats import container
from grain_codec.formats.plugins import register_grain_opener
from grain_codec.formats.plugins.pillow_plugin import GrainImageFile, GrainPluginError

register_grain_opener()


def run_python(code: str, *arguments: str) -> str:
    """What a new interpreter prints; it must succeed."""
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_opening_tells_what_the_header_tells(path: Path, file: bytes):
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == ("GRAIN", (1024, 1024), "RGB")
        assert image.get_format_mimetype() == "image/x-grain-face"
        stored = container.unpack(file)
        assert image.info == {
            "fine_quality": stored.fine_quality,
            "quality": 30,
            "fingerprint": stored.fingerprint.hex(),
            "bytes": len(file),
        }


def test_opening_thumbnails_and_verifying_load_no_torch(path: Path):
    code = """
import sys
import grain_codec.formats.plugins.GrainImagePlugin
from PIL import Image
Image.open(sys.argv[1]).verify()
image = Image.open(sys.argv[1])
image.thumbnail((16, 16))
print(image.size, image.getpixel((3, 3)) == image.copy().getpixel((3, 3)), "torch" in sys.modules)
"""
    assert run_python(code, str(path)) == "(16, 16) True False"


def test_pixels_are_those_of_the_codec(path: Path, decoded: np.ndarray):
    with Image.open(path) as image:
        own = image.copy()
        np.testing.assert_array_equal(np.asarray(image), decoded)
    np.testing.assert_array_equal(np.asarray(own), decoded)
    image.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (1, 2, 3)


def test_the_file_is_read_once_and_its_payload_decoded_once(path: Path, monkeypatch: pytest.MonkeyPatch):
    coder, decoded, data = type(file_codec().coder), [], path.read_bytes()
    decode = coder.decode
    monkeypatch.setattr(coder, "decode", lambda self, payload: decoded.append(payload) or decode(self, payload))
    for size in ((1024, 1024), (16, 16)):
        image = Image.open(path)
        assert not decoded
        path.unlink()
        image.draft(None, size)
        image.load()
        assert image.size == size and np.asarray(image).any()
        assert len(decoded) == 1
        path.write_bytes(data)
        decoded.clear()


def test_file_objects_copies_of_state_and_threads(file: bytes, decoded: np.ndarray):
    # A deep copy goes through the same state that pickling does.
    copied = copy.deepcopy(Image.open(io.BytesIO(file)))
    np.testing.assert_array_equal(np.asarray(copied), decoded)
    with ThreadPoolExecutor(2) as pool:
        for pixels in pool.map(lambda data: np.asarray(Image.open(io.BytesIO(data))), [file, file]):
            np.testing.assert_array_equal(pixels, decoded)


def test_files_are_closed_as_for_other_formats(path: Path, file: bytes):
    lent = io.BytesIO(file)
    image = Image.open(lent)
    image.draft(None, (16, 16))
    image.load()
    assert not lent.closed
    image = Image.open(path)
    opened = image.fp
    image.draft(None, (16, 16))
    image.load()
    assert opened.closed
    image = Image.open(path)
    image.close()
    with pytest.raises(ValueError, match="closed"):
        image.load()


@pytest.mark.parametrize("size", [(16, 16), (16, 900), (16.9, 16.2)])
@pytest.mark.parametrize("reducing_gap", [2.0, None])
def test_a_small_thumbnail_is_the_lr_image(file: bytes, size: tuple[float, float], reducing_gap: float | None):
    image = Image.open(io.BytesIO(file))
    image.thumbnail(size, reducing_gap=reducing_gap)
    np.testing.assert_array_equal(np.asarray(image), low_resolution_image(file))


def test_thumbnails_of_other_sizes(file: bytes, decoded: np.ndarray):
    smaller, larger = Image.open(io.BytesIO(file)), Image.open(io.BytesIO(file))
    smaller.thumbnail((8, 8))
    assert smaller.size == (8, 8)
    larger.thumbnail((17, 17))
    expected = Image.fromarray(decoded)
    expected.thumbnail((17, 17))
    np.testing.assert_array_equal(np.asarray(larger), np.asarray(expected))


def test_draft_only_takes_what_the_lr_image_can_show(file: bytes):
    image = Image.open(io.BytesIO(file))
    assert image.draft("RGB", (17, 16)) is None
    assert image.size == (1024, 1024)
    assert image.draft("RGB", (9, 16)) == ("RGB", (0, 0, 16, 16))
    assert image.size == (16, 16)
    assert image.draft("RGB", (9, 16)) is None


def damages(file: bytes, modified: Callable[..., bytes]) -> dict[str, bytes]:
    """Files with the right magic that cannot be read."""
    return {
        "flipped": file[:30] + bytes([file[30] ^ 1]) + file[31:],
        "cut short": file[:-1],
        "magic alone": file[:4],
        "prolonged": file + bytes(2000),
        "version 2": file[:4] + b"\x20" + file[5:],
        "other weights": modified(file, fingerprint=b"\0\1\2"),
    }


@pytest.mark.parametrize("damage", ["flipped", "cut short", "magic alone", "prolonged", "version 2", "other weights"])
def test_unreadable_files_are_refused_with_the_reason(file: bytes, damage: str, modified: Callable[..., bytes]):
    data = damages(file, modified)[damage]
    with pytest.raises(GrainPluginError) as refusal:
        Image.open(io.BytesIO(data))
    with pytest.raises(GrainError) as reason:
        low_resolution_image(data)
    assert str(refusal.value) == str(reason.value)


@pytest.mark.parametrize("data", [b"", b"\x8aGR", b"GIF87a and no more than that", b"\x8aPNG" + bytes(40)])
def test_other_files_are_left_to_others(data: bytes):
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data))
    with pytest.raises(SyntaxError):
        GrainImageFile(io.BytesIO(data))


@pytest.mark.parametrize("changes", [{"fine_quality": 200}, {"payload": b"\xff" * 300}])
def test_a_payload_of_no_encoder_is_found_on_use(
    file: bytes, changes: dict[str, object], modified: Callable[..., bytes]
):
    data = modified(file, **changes)
    with pytest.raises(GrainPluginError):
        Image.open(io.BytesIO(data)).verify()
    image = Image.open(io.BytesIO(data))
    for _ in range(2):
        with pytest.raises(GrainPluginError):
            image.load()


def test_a_verified_image_has_to_be_opened_anew(path: Path):
    image = Image.open(path)
    opened = image.fp
    image.verify()
    assert opened.closed
    with pytest.raises(OSError, match="cannot load"):
        image.load()


def test_the_png_carrier_is_an_ordinary_png(face: np.ndarray):
    image = Image.open(io.BytesIO(grain_codec.encode(face, carrier="png")))
    assert (image.format, image.size) == ("PNG", (16, 16))
