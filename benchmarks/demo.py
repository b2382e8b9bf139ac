"""The table and the contact sheet of `make demo`, from originals, .grain files and decoded faces on disk.

python -m grain_codec.benchmarks.demo ORIGINALS ENCODED DECODED SHEET.png
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from grain_codec.benchmarks.codecs.face_codec import Coded
from grain_codec.benchmarks.codecs.ordinary import WEBP
from grain_codec.benchmarks.codecs.prescaled import PrescaledCodec
from grain_codec.benchmarks.metrics.psnr import psnr, thumbnail_of
from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.codec import Pixels, low_resolution_image
from grain_codec.errors import GrainError
from grain_codec.formats.images.contact_sheet import Tile, contact_sheet
from grain_codec.formats.images.reading import read_face

HEADER = f"{'face':16} {'bytes':>5}  {'LR image':>8}  {'decoded':>7}  WebP of at most as many (bytes); PSNR in dB"
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True)
class Example:
    """One face of the demo: the original, its file, LR image and picture, and a WebP of at most as many bytes."""

    name: str
    original: Pixels
    data: bytes
    low_resolution: Pixels
    decoded: Pixels
    webp: Coded | None

    def table_row(self) -> str:
        """Bytes and distances of the face, aligned under HEADER."""
        webp = f"{psnr(self.webp.pixels, self.original):6.2f} ({len(self.webp.data)})" if self.webp else "none fits"
        lr_psnr = psnr(self.low_resolution, thumbnail_of(self.original))
        return f"{self.name:16} {len(self.data):5}  {lr_psnr:8.2f}  {psnr(self.decoded, self.original):7.2f}  {webp}"

    def tiles(self) -> list[Tile]:
        """The tiles of the face: original, LR image, decoded face, and WebP of at most as many bytes."""
        blank = Tile(np.full_like(self.original, 255), "no WebP is as small")
        return [
            Tile(self.original, "original"),
            Tile(self.low_resolution, "LR image, 16x16"),
            Tile(self.decoded, f"decoded, {len(self.data)} bytes"),
            Tile(self.webp.pixels, f"WebP, {len(self.webp.data)} bytes") if self.webp else blank,
        ]


def read_examples(originals: Path, encoded: Path, decoded: Path) -> list[Example]:
    """The examples whose files lie in the three folders under the same stem."""
    examples = []
    for name, pixels in faces_in(originals):
        stem = Path(name).stem
        data, result = (encoded / f"{stem}.grain").read_bytes(), decoded / f"{stem}.png"
        picture = read_face(result.read_bytes(), str(result))
        webp = PrescaledCodec(WEBP).best_under(pixels, len(data))
        examples.append(Example(stem, pixels, data, low_resolution_image(data), picture, webp[0] if webp else None))
    return examples


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("originals", type=FOLDER)
@click.argument("encoded", type=FOLDER)
@click.argument("decoded", type=FOLDER)
@click.argument("sheet", type=click.Path(dir_okay=False, path_type=Path))
def main(originals: Path, encoded: Path, decoded: Path, sheet: Path) -> None:
    """Print one row a face and write the contact SHEET."""
    try:
        examples = read_examples(originals, encoded, decoded)
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join([HEADER, *(example.table_row() for example in examples)]))
    contact_sheet([example.tiles() for example in examples]).save(sheet)
    click.echo(f"{sheet}: original, LR image, decoded, WebP")


if __name__ == "__main__":
    main()
