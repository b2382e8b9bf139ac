"""EXIF, XMP, position and times through grain-encode and grain-decode, and what is said of them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import ExifTags, Image

import grain_codec.codec
from grain_codec.cli import decode, encode
from grain_codec.formats import container
from grain_codec.models.face1024.family import Face1024Family
from grain_codec.settings import EncodeSettings

ARTIST, ORIENTATION, LATITUDE = 0x013B, 0x0112, 2
STRIPPED = "metadata stripped; --keep-metadata keeps it"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)
WRITTEN_IN_2001 = 1_000_000_000_123_456_000


def photograph(path: str, with_gps: bool = True) -> None:
    """Half dark, half light, stored turned, with artist, position and rating."""
    exif = Image.Exif()
    exif[ARTIST], exif[ORIENTATION] = "Zoe", 6
    if with_gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo)[LATITUDE] = (48.0, 51.0, 30.0)
    pixels = np.full((256, 256, 3), 60, np.uint8)
    pixels[:, :128] = 190
    Image.fromarray(pixels).save(path, exif=exif, xmp=XMP, quality=90)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a photograph that has metadata and one that has none."""
    monkeypatch.chdir(tmp_path)
    photograph("face.jpg")
    Image.new("RGB", (64, 64)).save("plain.png")
    return tmp_path


class Recorder:
    """Stands in for the networks; the chunks that it is given are its file."""

    device, family = torch.device("cpu"), Face1024Family()

    def encode(self, pixels: np.ndarray, settings: EncodeSettings) -> bytes:
        return container.pack(container.StoredFace(22, b"abc", b"face", settings.chunks))

    def decode(self, data: bytes, settings: object = None) -> np.ndarray:
        """A face for the PSNR that --json tells."""
        return np.zeros((1024, 1024, 3), np.uint8)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grain_codec.codec, "load_model", lambda name, device, precision: Recorder())


def encoding(*arguments: str) -> Result:
    return CliRunner().invoke(encode.main, ["--align", "never", *arguments])


def decoding(*arguments: str) -> Result:
    return CliRunner().invoke(decode.main, [*arguments])


def said(result: Result) -> list[str]:
    """The lines about metadata."""
    return [line for line in result.output.splitlines() if any(word in line for word in ("metadata", "GPS", "EXIF"))]


def kept(path: str) -> tuple[str | None, bool, bytes]:
    """Artist, whether there is a position, and XMP of a .grain file."""
    contents = {chunk.tag: chunk.content for chunk in container.unpack(Path(path).read_bytes()).chunks}
    exif = Image.Exif()
    exif.load(contents.get(container.EXIF, b""))
    assert ORIENTATION not in exif
    return exif.get(ARTIST), bool(exif.get_ifd(ExifTags.IFD.GPSInfo)), contents.get(container.XMP, b"")


@pytest.mark.parametrize(
    ("options", "expected", "notice"),
    [
        ((), (None, False, b""), STRIPPED),
        (("--keep-metadata",), ("Zoe", False, XMP), "GPS position left out; --keep-gps keeps it"),
        (("--keep-metadata", "--keep-gps"), ("Zoe", True, XMP), None),
    ],
)
def test_metadata_are_kept_as_asked(recorder: None, options: tuple, expected: tuple, notice: str | None) -> None:
    result = encoding("face.jpg", *options)
    assert kept("face.grain") == expected
    assert result.exit_code == 0
    assert said(result) == ([f"grain-encode: face.jpg: {notice}"] if notice else [])


def test_a_notice_is_said_once_a_run(recorder: None) -> None:
    photograph("second.jpg")
    result = encoding("face.jpg", "second.jpg", "plain.png")
    assert said(result) == [f"grain-encode: 2 files: {STRIPPED}"]


def test_verbose_names_every_file(recorder: None) -> None:
    photograph("second.jpg")
    result = encoding("face.jpg", "second.jpg", "plain.png", "-v")
    assert said(result) == [
        f"grain-encode: face.jpg: {STRIPPED}",
        f"grain-encode: second.jpg: {STRIPPED}",
    ]


def test_quiet_says_nothing_and_json_holds_the_notice(recorder: None) -> None:
    assert encoding("face.jpg", "--quiet").output == ""
    first, second, summary = map(json.loads, encoding("face.jpg", "plain.png", "-f", "--json").output.splitlines())
    assert STRIPPED in first["notices"] and STRIPPED not in second.get("notices", ())
    assert summary["event"] == "summary"


def test_the_position_needs_the_metadata(recorder: None) -> None:
    result = encoding("face.jpg", "--keep-gps")
    assert result.exit_code == 2 and "--keep-gps needs --keep-metadata" in result.output
    assert not Path("face.grain").exists()


@pytest.mark.parametrize("carrier", ["grain", "png"])
def test_there_and_back(carrier: str) -> None:
    """With the shipped model: metadata and the upright picture come back in every format."""
    encoded = {"grain": "face.grain", "png": "face.grain.png"}[carrier]
    assert encoding("face.jpg", "--format", carrier, "--keep-metadata", "-q", "1").exit_code == 0
    for name in ("out.jpg", "out.png", "out.tif"):
        assert decoding(encoded, "-o", name, "--thumbnail").exit_code == 0
        image = Image.open(name)
        image.load()
        exif = image.getexif()
        assert exif[ARTIST] == "Zoe" and not exif.get_ifd(ExifTags.IFD.GPSInfo) and ORIENTATION not in exif
        assert image.info["xmp"] == XMP
        # The light half, stored on the left, is shown above the dark one.
        assert np.asarray(image)[:6].mean() > np.asarray(image)[10:].mean() + 60
    assert decoding(encoded, "-o", "bare.png", "--thumbnail", "--strip-metadata").exit_code == 0
    with Image.open("bare.png") as image:
        image.load()
        assert not image.getexif() and "xmp" not in image.info


def test_the_byte_cap_counts_metadata() -> None:
    assert encoding("face.jpg", "--keep-metadata", "--max-bytes", "400").exit_code == 0
    assert kept("face.grain")[0] == "Zoe" and os.path.getsize("face.grain") <= 400
    result = encoding("face.jpg", "--keep-metadata", "--max-bytes", "200", "-f")
    assert result.exit_code == 1 and "of them for what travels along" in result.output


def test_a_format_without_metadata_is_named() -> None:
    assert encoding("face.jpg", "--keep-metadata", "-q", "1").exit_code == 0
    result = decoding("face.grain", "-o", "face.bmp", "--thumbnail")
    assert result.exit_code == 0
    assert said(result) == ["grain-decode: face.grain: BMP holds no metadata; they are left out"]


def test_times_are_preserved_on_request(recorder: None) -> None:
    os.utime("face.jpg", ns=(WRITTEN_IN_2001, WRITTEN_IN_2001))
    assert encoding("face.jpg").exit_code == 0
    assert os.stat("face.grain").st_mtime_ns > WRITTEN_IN_2001 + 10**17
    os.utime("face.jpg", ns=(WRITTEN_IN_2001, WRITTEN_IN_2001))
    assert encoding("face.jpg", "-f", "--preserve").exit_code == 0
    assert os.stat("face.grain").st_mtime_ns == os.stat("face.grain").st_atime_ns == WRITTEN_IN_2001
    with open("face.jpg", "rb") as file:
        result = CliRunner().invoke(
            encode.main, ["--align", "never", "-", "-o", "piped.grain", "--preserve"], input=file.read()
        )
    assert result.exit_code == 0 and os.stat("piped.grain").st_mtime_ns > WRITTEN_IN_2001 + 10**17


def test_times_are_preserved_when_decoding() -> None:
    assert encoding("face.jpg", "-q", "1").exit_code == 0
    os.utime("face.grain", ns=(WRITTEN_IN_2001, WRITTEN_IN_2001))
    assert decoding("face.grain", "--thumbnail", "--preserve").exit_code == 0
    assert os.stat("face.png").st_mtime_ns == WRITTEN_IN_2001


def test_damaged_exif_fails_no_file(recorder: None) -> None:
    written = io.BytesIO()
    Image.new("RGB", (64, 64)).save(written, "PNG", exif=b"II*\0" + b"\xff" * 5000, compress_level=0)
    Path("odd.png").write_bytes(written.getvalue())
    assert encoding("odd.png", "--keep-metadata").exit_code == 0
    Image.new("RGB", (64, 64)).save("garbage.webp", exif=os.urandom(1 << 20))
    result = encoding("garbage.webp", "--keep-metadata")
    assert result.exit_code == 0
    assert said(result) == ["grain-encode: garbage.webp: EXIF left out: it is damaged or too large"]
    assert said(encoding("garbage.webp", "-f")) == [f"grain-encode: garbage.webp: {STRIPPED}"]
