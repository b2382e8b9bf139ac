"""QR codes: what fits, the smallest symbol, and reading them from photographs, scans and text."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from grain_codec.errors import BadImage, GrainError, NotGrain, TooLarge
from grain_codec.formats import qr_carrier
from grain_codec.formats.container import MAGIC

base45 = pytest.importorskip("base45", reason='needs the extra "qr"')
segno = pytest.importorskip("segno", reason='needs the extra "qr"')
pytest.importorskip("zxingcpp", reason='needs the extra "qr"')

GOLDEN = Path(__file__).resolve().parents[1] / "golden/files"
FILES = ("carlos-q1.grain", "ellen-300.grain", "mia-q8.grain")
BINARY = pytest.mark.parametrize("binary", [False, True], ids=["base45", "bytes"])


def file_of(length: int) -> bytes:
    """Bytes that begin as a .grain file does."""
    return MAGIC + np.random.default_rng(length).bytes(length - len(MAGIC))


def picture_of(file: bytes, binary: bool = False) -> Image.Image:
    return Image.open(io.BytesIO(qr_carrier.pack(file, "png", binary).picture)).convert("RGB")


def as_file(image: Image.Image, format: str = "PNG", **options: int) -> bytes:
    written = io.BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


@BINARY
@pytest.mark.parametrize("version", [1, 2, 9, 10, 13, 26, 27, 39])
def test_capacity_is_where_the_next_version_begins(version: int, binary: bool):
    most = qr_carrier.capacity(version, binary)
    assert qr_carrier.pack(file_of(most), "svg", binary).version == version
    assert qr_carrier.pack(file_of(most + 1), "svg", binary).version == version + 1


@BINARY
def test_a_file_beyond_the_largest_version_is_refused(binary: bool):
    most = qr_carrier.capacity(40, binary)
    assert most == (2953 if binary else 2864)
    assert qr_carrier.pack(file_of(most), "svg", binary).version == 40
    with pytest.raises(TooLarge, match=f"holds {most} at most"):
        qr_carrier.pack(file_of(most + 1), "svg", binary)


def test_room_that_is_left_goes_into_error_correction():
    full, nearly_empty = (qr_carrier.pack(file_of(length)) for length in (qr_carrier.capacity(13), 20))
    assert (full.version, full.error_correction) == (13, "L")
    assert (nearly_empty.version, nearly_empty.error_correction) == (2, "M")


@BINARY
@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back_from_its_picture(name: str, binary: bool):
    file = (GOLDEN / name).read_bytes()
    assert qr_carrier.carried(qr_carrier.pack(file, "png", binary).picture, "face.png") == file


def test_the_text_in_a_symbol_is_base45_and_is_read_itself():
    file = (GOLDEN / FILES[0]).read_bytes()
    text = base45.b45encode(file)
    import zxingcpp

    [found] = zxingcpp.read_barcodes(np.asarray(picture_of(file)))
    assert found.text == text.decode()
    assert qr_carrier.carried(text, "stdin") == qr_carrier.carried(text + b"\r\n", "stdin") == file


def test_the_vectors_of_rfc_9285_are_what_a_symbol_holds():
    for plain, text in ((b"AB", b"BB8"), (b"Hello!!", b"%69 VD92EX0"), (b"ietf!", b"QED8WEX0")):
        assert base45.b45encode(plain) == text and base45.b45decode(text) == plain


def test_an_svg_has_the_modules_of_the_png():
    file = file_of(100)
    svg, png = qr_carrier.pack(file, "svg"), qr_carrier.pack(file, "png")
    side = int(re.search(rb'width="(\d+)"', svg.picture)[1])
    assert svg.version == png.version and Image.open(io.BytesIO(png.picture)).size == (side, side)


def turned(image: Image.Image, angle: float) -> Image.Image:
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(231, 228, 220))


def in_perspective(image: Image.Image) -> Image.Image:
    """The code on a sheet on a table, which a camera sees from the left and from above."""
    side = image.width
    sheet = Image.new("RGB", (side + 80, side + 80), (120, 96, 70))
    sheet.paste(image, (40, 40))
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * sheet.width
    seen = np.array([(0.14, 0.05), (1.22, 0.16), (1.36, 1.3), (0.04, 1.12)]) * sheet.width
    # Eight equations for the projective map from what is seen to the sheet.
    rows = [[x, y, 1, 0, 0, 0, -u * x, -u * y] for (x, y), (u, _) in zip(seen, corners)]
    rows += [[0, 0, 0, x, y, 1, -v * x, -v * y] for (x, y), (_, v) in zip(seen, corners)]
    tilt = np.linalg.solve(rows, corners.T.reshape(-1))
    size = (round(1.4 * sheet.width), round(1.35 * sheet.width))
    return sheet.transform(size, Image.Transform.PERSPECTIVE, tilt, Image.Resampling.BICUBIC)


def photographed(image: Image.Image) -> Image.Image:
    """With light from one side, blur and noise."""
    samples = np.asarray(image.filter(ImageFilter.GaussianBlur(1.6)), np.float64)
    light = np.linspace(1.0, 0.45, samples.shape[1])[None, :, None]
    noisy = samples * light + 18 + np.random.default_rng(0).normal(0, 9, samples.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@BINARY
@pytest.mark.parametrize("name", FILES[:2])
@pytest.mark.parametrize("angle", [0, 3, 45, 90, 180, 291])
def test_photographs_are_read(name: str, angle: float, binary: bool):
    """Turned, in perspective, in uneven light, blurred, and compressed as JPEG."""
    file = (GOLDEN / name).read_bytes()
    photo = photographed(in_perspective(turned(picture_of(file, binary), angle)))
    for quality in (75, 30):
        assert qr_carrier.carried(as_file(photo, "JPEG", quality=quality), "photo.jpg") == file


def test_a_scan_is_read():
    """A page in grey of 150 dots an inch with the code in a corner, a little askew."""
    file = (GOLDEN / FILES[2]).read_bytes()
    code = picture_of(file)
    page = Image.new("L", (1240, 1754), 247)
    page.paste(
        turned(code.resize((code.width // 2, code.height // 2), Image.Resampling.LANCZOS), 1.5).convert("L"), (90, 700)
    )
    assert qr_carrier.carried(as_file(page, "JPEG", quality=60), "scan.jpg") == file


def test_other_carriers_and_other_files_pass_through():
    for name in ("anna-q5.grain", "otis-q3.grain.png"):
        data = (GOLDEN / name).read_bytes()
        assert qr_carrier.carried(data, name) is data
        assert qr_carrier.carried(data[:18], name) == data[:18]
    for data in (b"", b"not a picture", b"HELLO WORLD", b"\0" * 100):
        assert qr_carrier.carried(data, "notes") is data


@pytest.mark.parametrize("content", ["https://example.com", "HELLO WORLD", base45.b45encode(b"abc").decode()])
def test_a_code_of_something_else_is_refused(content: str):
    written = io.BytesIO()
    segno.make(content, micro=False).save(written, kind="png", scale=8)
    with pytest.raises(NotGrain, match="its QR code holds something else than a face"):
        qr_carrier.carried(written.getvalue(), "code.png")


def test_a_picture_without_a_code_is_refused(faces: dict[str, np.ndarray]):
    with pytest.raises(NotGrain, match=r"1024x1024 pixels is no 16x16 carrier image, and no QR code can be read in it"):
        qr_carrier.carried(as_file(Image.fromarray(faces["anna"])), "anna.png")


def test_a_picture_with_codes_of_two_faces_is_refused():
    codes = [picture_of((GOLDEN / name).read_bytes()) for name in FILES[:2]]
    both = Image.new("RGB", (codes[0].width + codes[1].width, codes[1].height), "white")
    both.paste(codes[0], (0, 0))
    both.paste(codes[1], (codes[0].width, 0))
    with pytest.raises(NotGrain, match="QR codes of 2 faces"):
        qr_carrier.carried(as_file(both), "both.png")
    twice = Image.new("RGB", (2 * codes[0].width, codes[0].height), "white")
    for left in (0, codes[0].width):
        twice.paste(codes[0], (left, 0))
    assert qr_carrier.carried(as_file(twice), "twice.png") == (GOLDEN / FILES[0]).read_bytes()


def test_damaged_pictures_raise_our_errors_alone():
    whole, source = qr_carrier.pack(file_of(100)).picture, np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole[: source.integers(8, len(whole))] if source.random() < 0.3 else whole)
        for position in source.integers(8, len(damaged), 3):
            damaged[position] = source.integers(256)
        try:
            qr_carrier.carried(bytes(damaged), "damaged.png")
        except GrainError as error:
            assert isinstance(error, BadImage | NotGrain)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    picture = qr_carrier.pack(file_of(50)).picture
    monkeypatch.setattr(qr_carrier, "find_spec", lambda name: None)
    for attempt in (lambda: qr_carrier.pack(file_of(50)), lambda: qr_carrier.carried(picture, "face.png")):
        with pytest.raises(qr_carrier.QrMissing, match=r'pip install .*"segno'):
            attempt()
    assert qr_carrier.carried(MAGIC, "face.grain") == MAGIC
