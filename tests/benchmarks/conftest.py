"""Rows of a small benchmark that was never measured, with a face whose name is an attack."""

from __future__ import annotations

import dataclasses
import io
import random

import pytest
from PIL import Image

from grain_codec.benchmarks.tables.rows import Row, Series

HOSTILE = "<script>window.attacked = 1</script>\"'&<img src=x onerror=attacked()>.png"
FACES = ("anna.jpg", HOSTILE, "mia.jpg", "otis.jpg")
OURS, NATURAL, EFFORT, WEBP, JPEG = (
    Series("face-1024", "rescaled", 0),
    Series("face-1024", "fused", 0),
    Series("face-1024", "rescaled", 5),
    Series("webp"),
    Series("jpeg"),
)


def made_row(name: str, series: Series, kind: str, point: str, size: int | None, psnr: float) -> Row:
    """One row; without a size nothing is measured."""
    if size is None:
        return Row(name, series.codec, series.output, series.effort, kind, point)
    distances = {"lpips": 1.4 - psnr / 25, "identity": 1.3 - psnr / 27, "ssim": psnr / 40}
    seconds = {"encode_seconds": 0.3, "decode_seconds": 0.2}
    return Row(name, series.codec, series.output, series.effort, kind, point, size, psnr=psnr, **distances, **seconds)


@pytest.fixture(scope="session")
def hostile() -> str:
    """A name that would run as a script if it were not escaped."""
    return HOSTILE


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Four faces, three codecs, at two caps and along curves; JPEG fits the smaller cap on two faces alone.

    `fused` has less PSNR than `rescaled` and the lower distances.
    """
    chance = random.Random(4)
    made = []
    for index, name in enumerate(FACES):
        face = chance.uniform(-2, 2)
        for cap, ours, webp, jpeg in ((200, 24.3, 21.6, 17.0), (400, 25.9, 24.0, 20.0)):
            size = cap - chance.randrange(12)
            made.append(made_row(name, OURS, "cap", str(cap), size, ours + face))
            natural = made_row(name, NATURAL, "cap", str(cap), size, ours + face - 1)
            made.append(dataclasses.replace(natural, lpips=natural.lpips / 2, identity=natural.identity / 2))
            made.append(made_row(name, EFFORT, "cap", str(cap), size, ours + face + 0.1))
            # On the last face WebP is nearer.
            made.append(made_row(name, WEBP, "cap", str(cap), size, webp + face + (2.5 if index == 3 else 0)))
            made.append(made_row(name, JPEG, "cap", str(cap), None if cap == 200 and index > 1 else size, jpeg + face))
        for size, psnr in ((130, 22.0), (260, 25.0), (390, 26.0)):
            made.append(made_row(name, OURS, "curve", f"q{size}", size, psnr + face))
        for size, psnr in ((150, 20.0), (600, 25.6), (1200, 28.2)):
            made.append(made_row(name, WEBP, "curve", str(size), size, psnr + face))
    return made


def plain_webp(colour: str) -> bytes:
    """A picture of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "WEBP", lossless=True)
    return stream.getvalue()


@pytest.fixture(scope="session")
def pictures(hostile: str) -> dict[str, dict[str, bytes]]:
    """Two faces: white originals, a grey LR image, `fused` red, `rescaled` yellow, WebP blue, JPEG green."""
    ours = {NATURAL.label: "red", OURS.label: "yellow"}
    shown = {"original": "white", "LR image": "gray", **ours, WEBP.label: "blue", JPEG.label: "green"}
    return {name: {label: plain_webp(colour) for label, colour in shown.items()} for name in (FACES[0], hostile)}


@pytest.fixture(scope="session")
def environment() -> dict[str, object]:
    """What a benchmark says of itself."""
    return {
        "date": "2026-01-02",
        "commit": "0123abc",
        "machine": {"processor": "a <b>fast</b> one", "threads": 1},
        "versions": {"python": "3.11", "pillow": "13.0"},
        "models": {"face-1024": "9f3a88c1"},
        "settings": {"efforts": [0, 5], "threads": None},
        "caps": [200, 400],
        "metrics": {"lpips": "at 256 px"},
        "command": "grain-bench FACES --max-bytes 200 --max-bytes 400",
        "warnings": ["AVIF was not measured: <no encoder>."],
    }
