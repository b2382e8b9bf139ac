"""The Pillow plugin: opening without torch, decoding on use, thumbnails, saving, and what it refuses."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, UnidentifiedImageError

import grain_codec
from grain_codec.codec import file_codec, low_resolution_image
from grain_codec.errors import GrainError, TooLarge
from grain_codec.formats import container
from grain_codec.formats.plugins import register_grain_opener
from grain_codec.formats.plugins.pillow_plugin import GrainImageFile, GrainPluginError

register_grain_opener()


@pytest.fixture(scope="module")
def file(face: np.ndarray) -> bytes:
    """A face as .grain."""
    return grain_codec.encode(face)


@pytest.fixture(scope="module")
def decoded(file: bytes) -> np.ndarray:
    """The face as the codec itself decodes it."""
    return grain_codec.decode(file, kind="numpy")


@pytest.fixture
def path(tmp_path: Path, file: bytes) -> Path:
    """The same file on disk."""
    path = tmp_path / "face.grain"
    path.write_bytes(file)
    return path


def modified(file: bytes, **changes: object) -> bytes:
    """A well-formed file that differs in some attributes of its StoredFace."""
    stored = container.unpack(file)
    return container.pack(container.StoredFace(**{**vars(stored), **changes}))


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
            "quality": 5,
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


def damages(file: bytes) -> dict[str, bytes]:
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
def test_unreadable_files_are_refused_with_the_reason(file: bytes, damage: str):
    data = damages(file)[damage]
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
def test_a_payload_of_no_encoder_is_found_on_use(file: bytes, changes: dict[str, object]):
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


def test_saving_is_encoding(tmp_path: Path, face: np.ndarray, file: bytes):
    image, path = Image.fromarray(face), tmp_path / "face.grain"
    image.save(path, dpi=(72, 72), optimize=True)
    assert path.read_bytes() == file
    image.save(path, quality=1)
    assert path.read_bytes() == grain_codec.encode(face, quality=1)
    image.save(path, max_bytes=150, effort=1)
    assert path.stat().st_size <= 150
    written = io.BytesIO()
    image.save(written, "GRAIN", max_bytes=150)
    assert written.getvalue() == grain_codec.encode(face, max_bytes=150)


def test_a_face_can_be_saved_over_itself(path: Path, decoded: np.ndarray):
    Image.open(path).save(path, quality=2)
    assert path.read_bytes() == grain_codec.encode(decoded, quality=2)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """An RGB image in another mode; greys of more than 8 bits use their whole range."""
    if mode.startswith("I"):
        levels = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.fromarray(levels.astype({"I": "<i4", "I;16": "<u2", "I;16B": ">u2"}[mode]))
    return image.convert({"PA": "P", "LA": "L"}.get(mode, "RGB")).convert(mode)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "I", "I;16", "I;16B", "RGBA", "RGBX", "CMYK", "YCbCr", "F"]
)
def test_squares_of_any_size_and_mode_are_saved(face: np.ndarray, mode: str):
    small = Image.fromarray(face).resize((96, 96), Image.Resampling.BOX)
    image = in_mode(small, mode)
    assert image.mode == mode
    written = io.BytesIO()
    image.save(written, "GRAIN", quality=1)
    brightness = np.asarray(small.convert("L")).mean()
    assert abs(low_resolution_image(written.getvalue()).mean() - brightness) < 12


def test_transparent_parts_are_white():
    image = Image.new("P", (64, 64), 3)
    image.putpalette(bytes(12))
    image.info["transparency"] = 3
    written = io.BytesIO()
    image.save(written, "GRAIN")
    assert low_resolution_image(written.getvalue()).mean() > 230


def test_metadata_of_the_image_do_not_turn_the_pixels(face: np.ndarray, file: bytes):
    image = Image.fromarray(face)
    exif = image.getexif()
    exif[0x0112] = 6
    lying = io.BytesIO()
    image.save(lying, "PNG", exif=exif, compress_level=0)
    written = io.BytesIO()
    Image.open(lying).save(written, "GRAIN")
    assert written.getvalue() == file


ORIENTATION, ARTIST, LATITUDE = 0x0112, 0x013B, 2
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)


def described(orientation: int = 1) -> Image.Exif:
    """EXIF with an artist, a position and an orientation."""
    exif = Image.Exif()
    exif[ARTIST], exif[ORIENTATION] = "Zoe", orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo)[LATITUDE] = (48.0, 51.0, 30.0)
    return exif


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("keep_gps", [False, True])
def test_metadata_are_kept_where_they_are_given(face: np.ndarray, file: bytes, as_bytes: bool, keep_gps: bool):
    written, exif = io.BytesIO(), described()
    exif = exif.tobytes() if as_bytes else exif
    Image.fromarray(face).save(written, "GRAIN", exif=exif, xmp=XMP, keep_gps=keep_gps)
    assert modified(written.getvalue(), chunks=()) == file
    with Image.open(written) as image:
        assert image.info["bytes"] == len(written.getvalue())
        assert image.info["exif"].startswith(b"Exif\0\0") and image.info["xmp"] == XMP
        read = image.getexif()
        assert read[ARTIST] == "Zoe" and ORIENTATION not in read
        assert read.get_ifd(ExifTags.IFD.GPSInfo) == ({LATITUDE: (48, 51, 30)} if keep_gps else {})
        copied = io.BytesIO()
        image.resize((16, 16)).save(copied, "JPEG", exif=image.info["exif"], xmp=image.info["xmp"])
    assert Image.open(copied).getexif()[ARTIST] == "Zoe"


def test_an_orientation_that_is_given_turns_the_pixels(face: np.ndarray, file: bytes):
    written = io.BytesIO()
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(face)))
    lying.save(written, "GRAIN", exif=described(orientation=6))
    assert modified(written.getvalue(), chunks=()) == file
    assert ORIENTATION not in Image.open(written).getexif()


def test_metadata_that_cannot_be_read_are_refused(tmp_path: Path, face: np.ndarray):
    for options in ({"exif": b"II*\0"}, {"exif": b"/etc/passwd"}, {"xmp": b"<!DOCTYPE a><RDF/>"}):
        with pytest.raises(GrainPluginError, match="damaged or too large"):
            Image.fromarray(face).save(tmp_path / "face.grain", **options)
    assert not list(tmp_path.iterdir())


def test_metadata_of_a_stranger_are_cleaned_on_opening(file: bytes):
    turned = described(orientation=6).tobytes()[6:]
    chunks = (container.Chunk(container.EXIF, turned), container.Chunk(container.XMP, b"<!DOCTYPE a><RDF/>"))
    with Image.open(io.BytesIO(modified(file, chunks=chunks))) as image:
        assert image.getexif()[ARTIST] == "Zoe" and ORIENTATION not in image.getexif()
        assert "xmp" not in image.info


@pytest.mark.parametrize(
    ("mode", "size", "text"),
    [("RGB", (600, 400), "600x400 is not square"), ("RGB", (8, 8), "8x8 is smaller"), ("HSV", (64, 64), "mode HSV")],
)
def test_images_that_are_no_faces_are_refused(tmp_path: Path, mode: str, size: tuple[int, int], text: str):
    path = tmp_path / "face.grain"
    with pytest.raises(GrainPluginError, match=f"face.grain: .*{text}"):
        Image.new(mode, size).save(path)
    assert not list(tmp_path.iterdir())


def test_a_limit_that_cannot_be_met_leaves_no_file(tmp_path: Path, face: np.ndarray):
    with pytest.raises(GrainPluginError, match="smallest size possible is") as refusal:
        Image.fromarray(face).save(tmp_path / "face.grain", max_bytes=20)
    assert isinstance(refusal.value.__cause__, TooLarge)
    assert not list(tmp_path.iterdir())
    untouched = io.BytesIO()
    with pytest.raises(GrainPluginError):
        Image.fromarray(face).save(untouched, "GRAIN", max_bytes=20)
    assert not untouched.getvalue()


@pytest.mark.parametrize("options", [{"quality": 0}, {"quality": 95}, {"effort": 10}])
def test_options_out_of_range_are_refused(tmp_path: Path, face: np.ndarray, options: dict[str, int]):
    with pytest.raises(ValueError, match="outside"):
        Image.fromarray(face).save(tmp_path / "face.grain", **options)
    assert not list(tmp_path.iterdir())
