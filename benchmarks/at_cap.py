"""Bytes and PSNR of a folder of faces at one byte cap, beside the best prescaled WebP at the same cap.

    python -m grain_codec.benchmarks.at_cap FACES --max-bytes 484 -o results.tsv
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

from grain_codec.benchmarks.codecs import best_prescaled_webp
from grain_codec.benchmarks.metrics import psnr
from grain_codec.codec import load_model, low_resolution_image
from grain_codec.errors import GrainError
from grain_codec.formats.face_sets import SUFFIXES
from grain_codec.formats.images import read_face


@dataclass(frozen=True)
class Row:
    """One face at one cap; sizes in bytes of the whole file, PSNR in dB at full size, times in seconds."""

    name: str
    cap: int
    bytes: int
    psnr: float
    lr_psnr: float
    webp_bytes: int
    webp_psnr: float
    webp_prescale: int
    encode_seconds: float
    decode_seconds: float


def thumbnail_of(pixels: np.ndarray) -> np.ndarray:
    """The antialiased 16x16 downscale (bicubic) that the LR image is held against."""
    return np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BICUBIC))


def measure(name: str, pixels: np.ndarray, cap: int, model: str, effort: int = 0) -> Row:
    """Encodes a face under a cap, decodes the file's bytes, and does the same with WebP."""
    codec = load_model(model)
    started = time.perf_counter()
    data = codec.encode_face(pixels, max_bytes=cap, effort=effort)
    encoded = time.perf_counter()
    decoded = codec.decode_face(data)
    finished = time.perf_counter()
    low_resolution = low_resolution_image(data, model)
    webp = best_prescaled_webp(pixels, cap)
    return Row(
        name=name,
        cap=cap,
        bytes=len(data),
        psnr=psnr(decoded, pixels),
        lr_psnr=psnr(low_resolution, thumbnail_of(pixels)),
        webp_bytes=len(webp.data) if webp else 0,
        webp_psnr=psnr(webp.pixels, pixels) if webp else float("nan"),
        webp_prescale=webp.prescale if webp else 0,
        encode_seconds=encoded - started,
        decode_seconds=finished - encoded,
    )


def faces_in(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Names and pixels uint8 `[1024, 1024, 3]` of the images of a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            yield path.name, read_face(path.read_bytes(), path.name)


def summary(rows: list[Row]) -> str:
    """Means over the faces of one cap, and on how many WebP is nearer."""
    mean = {field: statistics.fmean(getattr(row, field) for row in rows) for field in ("bytes", "psnr", "lr_psnr")}
    webp = [row.webp_psnr for row in rows if row.webp_bytes]
    losses = sum(row.psnr < row.webp_psnr for row in rows if row.webp_bytes)
    webp_text = f"{statistics.fmean(webp):.2f} dB on {len(webp)}" if webp else "none fits"
    return (
        f"cap {rows[0].cap}: {len(rows)} faces, {mean['bytes']:.0f} bytes, largest {max(row.bytes for row in rows)}, "
        f"PSNR {mean['psnr']:.2f} dB, LR image {mean['lr_psnr']:.2f} dB; WebP {webp_text}, "
        f"nearer than ours on {losses}; encode {statistics.median(row.encode_seconds for row in rows):.2f} s, "
        f"decode {statistics.median(row.decode_seconds for row in rows):.2f} s (medians)"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--max-bytes", "caps", multiple=True, type=int, default=(484,), show_default=True, help="Repeatable.")
@click.option("-e", "--effort", type=click.IntRange(0, 9), default=0, show_default=True, help="Of the search.")
@click.option("-m", "--model", default="face-1024", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="All rows as TSV.")
def main(folder: Path, caps: tuple[int, ...], effort: int, model: str, output: Path | None) -> None:
    """Measure FOLDER's faces at one or more byte caps."""
    try:
        load_model(model).encode_face(np.zeros((1024, 1024, 3), np.uint8), quality=1)
        rows = [measure(name, pixels, cap, model, effort) for name, pixels in faces_in(folder) for cap in caps]
    except GrainError as error:
        raise click.ClickException(str(error)) from error
    if not rows:
        raise click.ClickException(f"no image in {folder}")
    if output:
        write_rows(rows, output)
    for cap in caps:
        click.echo(summary([row for row in rows if row.cap == cap]))


def write_rows(rows: list[Row], output: Path) -> None:
    """All rows as tab-separated values with a header."""
    with output.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(asdict(rows[0])), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = asdict(row).items()
            writer.writerow({key: f"{value:.3f}" if isinstance(value, float) else value for key, value in values})


if __name__ == "__main__":
    main()
