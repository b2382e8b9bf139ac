"""The table and the contact sheet of `make demo`, from originals, .grain files and decoded faces on disk.

python -m grain_codec.benchmarks.demo ORIGINALS ENCODED DECODED SHEET.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from grain_codec.benchmarks.codecs.codec import Coded
from grain_codec.benchmarks.codecs.ordinary import WebP
from grain_codec.benchmarks.metrics.metrics import psnr, thumbnail_of
from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.formats.images.contact_sheet import Tile, contact_sheet
from grain_codec.formats.images.pictures import read_face

from grain_codec.codec import low_resolution_image
from grain_codec.errors import GrainError


@dataclass(frozen=True)
class Example:
    """One face of the demo: original, its file, what came back, and the same bytes as WebP."""

    name: str
    original: np.ndarray
    data: bytes
    low_resolution: np.ndarray
    decoded: np.ndarray
    webp: Coded | None

    def table_row(self) -> str:
        """Bytes and distances of the face, aligned under HEADER."""
        webp = f"{psnr(self.webp.pixels, self.original):6.2f} ({len(self.webp.data)})" if self.webp else "none fits"
        lr_psnr = psnr(self.low_resolution, thumbnail_of(self.original))
        return f"{self.name:16} {len(self.data):5}  {lr_psnr:8.2f}  {psnr(self.decoded, self.original):7.2f}  {webp}"

    def tiles(self) -> list[Tile]:
        """Original, LR image, decoded, WebP of at most as many bytes."""
        webp = self.webp.pixels if self.webp else np.full_like(self.original, 255)
        webp_text = f"WebP, {len(self.webp.data)} bytes" if self.webp else "no WebP is as small"
        return [
            Tile(self.original, "original"),
            Tile(self.low_resolution, "LR image, 16x16"),
            Tile(self.decoded, f"decoded, {len(self.data)} bytes"),
            Tile(webp, webp_text),
        ]


HEADER = f"{'face':16} {'bytes':>5}  {'LR image':>8}  {'decoded':>7}  WebP of at most as many (bytes); PSNR in dB"


def read_examples(originals: Path, encoded: Path, decoded: Path) -> list[Example]:
    """The examples whose files lie in the three folders under the same stem."""
    examples = []
    for name, pixels in faces_in(originals):
        stem = Path(name).stem
        data = (encoded / f"{stem}.grain").read_bytes()
        result = decoded / f"{stem}.png"
        back = read_face(result.read_bytes(), str(result))
        webp = WebP().best_under(pixels, len(data))
        examples.append(Example(stem, pixels, data, low_resolution_image(data), back, webp[0] if webp else None))
    return examples


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("originals", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("encoded", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("decoded", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("sheet", type=click.Path(dir_okay=False, path_type=Path))
def main(originals: Path, encoded: Path, decoded: Path, sheet: Path) -> None:
    """Print one row a face and write the contact SHEET."""
    try:
        examples = read_examples(originals, encoded, decoded)
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(HEADER)
    for example in examples:
        click.echo(example.table_row())
    contact_sheet([example.tiles() for example in examples]).save(sheet)
    click.echo(f"{sheet}: original, LR image, decoded, WebP")


if __name__ == "__main__":
    main()
