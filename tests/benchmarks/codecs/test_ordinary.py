"""The codecs that ours is compared with: they keep to caps, are searched well, and count their bytes honestly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks import packages
from grain_codec.benchmarks.codecs.containers import media_data_bytes, webp_payload_bytes
from grain_codec.benchmarks.codecs.ordinary import HEIC, JPEG_2000, JPEG_XL, ORDINARY_FORMATS, WEBP
from grain_codec.benchmarks.codecs.prescaled import PrescaledCodec, Trial, enlarged, shrunk
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.benchmarks.packages import PackageMissing

CAPS = (384, 484, 768)
LARGER_CAPS = (600, 768, 1024)
"""For HEIC, whose container alone has over 350 bytes."""


@pytest.fixture(scope="module")
def small(face: np.ndarray) -> np.ndarray:
    """A face at 256 px, on which searches are quick."""
    return np.array(Image.fromarray(face).resize((256, 256), Image.Resampling.LANCZOS))


def made(name: str) -> PrescaledCodec:
    if plugin := ORDINARY_FORMATS[name].plugin:
        pytest.importorskip(plugin)
    return PrescaledCodec(ORDINARY_FORMATS[name], rungs=LARGER_CAPS if name == "heic" else CAPS, quick=True)


@pytest.mark.parametrize("name", ORDINARY_FORMATS)
def test_files_keep_to_their_caps_and_more_bytes_are_nearer(small: np.ndarray, name: str) -> None:
    codec = made(name)
    caps = list(map(int, codec.points))
    found = [codec.best_under(small, cap)[0] for cap in caps]
    assert all(len(coded.data) <= cap for coded, cap in zip(found, caps, strict=True))
    distances = [psnr(coded.pixels, small) for coded in found]
    assert distances == sorted(distances) and distances[-1] > distances[0] + 0.5
    assert not codec.best_under(small, 30)


@pytest.mark.parametrize("name", ORDINARY_FORMATS)
def test_what_is_measured_is_what_the_file_holds(small: np.ndarray, name: str) -> None:
    codec = made(name)
    (coded,) = codec.at_point(small, codec.points[1])
    with Image.open(io.BytesIO(coded.data)) as image:
        assert image.size == (coded.prescale, coded.prescale)
    assert np.array_equal(enlarged(codec.format.decode(coded.data), 256), coded.pixels)
    assert coded.encode_seconds > 0 and coded.decode_seconds > 0
    assert coded.payload_bytes is None or 0 < coded.payload_bytes <= len(coded.data)
    assert "Pillow" in codec.settings and "ayload bytes" in codec.settings and coded.setting


def test_the_search_finds_what_trying_everything_finds(small: np.ndarray) -> None:
    codec = PrescaledCodec(WEBP, quick=True)
    everything = (
        psnr(enlarged(WEBP.decode(data), 256), small)
        for side in codec.prescales
        for quality in WEBP.qualities[::4]
        if len(data := WEBP.encode(shrunk(small, side), Trial(side, "", quality))) <= 300
    )
    assert psnr(codec.best_under(small, 300)[0].pixels, small) >= max(everything)


def test_an_answer_does_not_depend_on_earlier_questions(small: np.ndarray) -> None:
    codec = PrescaledCodec(WEBP, quick=True)
    asked_last = [codec.best_under(small, cap)[0] for cap in (2000, 100, 484)][-1]
    asked_first = PrescaledCodec(WEBP, quick=True).best_under(small, 484)[0]
    assert abs(psnr(asked_last.pixels, small) - psnr(asked_first.pixels, small)) < 0.05


def test_another_face_is_searched_anew(faces: dict[str, np.ndarray]) -> None:
    codec = PrescaledCodec(WEBP, quick=True)
    for name in ("anna", "otis"):
        small = np.array(Image.fromarray(faces[name]).resize((256, 256)))
        assert psnr(codec.best_under(small, 484)[0].pixels, small) > 18


def test_a_thorough_search_gains(small: np.ndarray) -> None:
    """Without `quick` more sizes are tried and the encoder takes more time."""
    pytest.importorskip("pillow_jxl")
    careful, quick = (PrescaledCodec(JPEG_XL, quick=quick).best_under(small, 484)[0] for quick in (False, True))
    assert psnr(careful.pixels, small) >= psnr(quick.pixels, small)


def test_jpeg_2000_and_jpeg_xl_are_bare_codestreams(small: np.ndarray) -> None:
    """ISO/IEC 15444-1, A.4.1: SOC and SIZ markers; ISO/IEC 18181-2, 9.1."""
    assert PrescaledCodec(JPEG_2000, quick=True).best_under(small, 484)[0].data.startswith(b"\xff\x4f\xff\x51")
    pytest.importorskip("pillow_jxl")
    assert PrescaledCodec(JPEG_XL, quick=True).best_under(small, 484)[0].data.startswith(b"\xff\x0a")


def test_a_format_whose_package_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(PackageMissing, match=r'HEIC needs pillow-heif: pip install .*"pillow-heif'):
        PrescaledCodec(HEIC)


def test_sides_that_an_encoder_does_not_take_are_not_tried() -> None:
    pytest.importorskip("pillow_heif")
    assert min(PrescaledCodec(HEIC).prescales) == 32 and min(PrescaledCodec(WEBP).prescales) == 16


def test_webp_payload() -> None:
    """A simple file has 20 bytes around its only chunk; metadata are no picture."""
    image = Image.linear_gradient("L").convert("RGB")
    plain, with_exif = io.BytesIO(), io.BytesIO()
    image.save(plain, "WEBP", quality=30)
    image.save(with_exif, "WEBP", quality=30, exif=b"Exif\0\0" + bytes(100))
    size = int.from_bytes(plain.getvalue()[16:20], "little")
    assert webp_payload_bytes(plain.getvalue()) == size
    assert len(plain.getvalue()) - size in (20, 21)
    assert webp_payload_bytes(with_exif.getvalue()) == size


def test_avif_payload() -> None:
    boxes = b"\0\0\0\x0cftypavif" + b"\0\0\0\x0bmdatabc" + b"\0\0\0\x01mdat" + (18).to_bytes(8, "big") + b"de"
    assert media_data_bytes(boxes) == 5
    assert media_data_bytes(boxes + b"\0\0\0\0mdatthe rest") == 13
    assert media_data_bytes(b"\0\0\0\x02mdat") == 0
