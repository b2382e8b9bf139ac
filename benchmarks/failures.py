"""Where the model fails: the faces of a folder on which it does worst, drawn for people to look at.

python -m grain_codec.benchmarks.failures FACES SHEET.jpg --max-bytes 384 --count 3
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from grain_codec.benchmarks.codecs.face_codec import Coded
from grain_codec.benchmarks.codecs.model import ModelCodec
from grain_codec.benchmarks.codecs.ordinary import WEBP
from grain_codec.benchmarks.codecs.prescaled import PrescaledCodec
from grain_codec.benchmarks.metrics import identity
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.codec import Pixels
from grain_codec.errors import GrainError
from grain_codec.formats.images.contact_sheet import Tile, contact_sheet


@dataclass(frozen=True)
class Figures:
    """The distances of a decoded face to its original."""

    name: str
    psnr: float  # The PSNR of the last output, the nearest picture, in dB.
    # The identity distance of the first output, the natural picture; None where no face is found in the original.
    identity: float | None


def figures_of(name: str, original: Pixels, coded: Sequence[Coded]) -> Figures:
    """The figures of a face uint8 `[S, S, 3]` and of the pictures that a model drew of it."""
    face = identity.OriginalFace(original)
    distance = face.distance(coded[0].pixels) if face.found else None
    return Figures(name, psnr(coded[-1].pixels, original), distance)


def worst(figures: Sequence[Figures], count: int) -> list[Figures]:
    """At most `count` faces of the lowest PSNR, then at most `count` others of the largest identity distance."""
    by_psnr = sorted(figures, key=lambda face: face.psnr)[:count]
    others = [face for face in figures if face not in by_psnr and face.identity is not None]
    return by_psnr + sorted(others, key=lambda face: -(face.identity or 0))[:count]


def tiles_of(figures: Figures, original: Pixels, coded: Sequence[Coded], webp: Sequence[Coded]) -> list[Tile]:
    """The tiles of one face: the original, the LR image, every output and WebP."""
    captions = [f"{each.series.output}, {len(each.data)} bytes" for each in coded]
    captions[-1] += f", {figures.psnr:.1f} dB"
    captions[0] += ", no face found" if figures.identity is None else f", identity {figures.identity:.2f}"
    lr_image = [Tile(each.low_resolution, "LR image") for each in coded[:1] if each.low_resolution is not None]
    outputs = [Tile(each.pixels, caption) for each, caption in zip(coded, captions)]
    webps = [Tile(each.pixels, f"WebP, {len(each.data)} bytes") for each in webp]
    return [Tile(original, figures.name), *lr_image, *outputs, *webps]


def failures(folder: Path, codec: ModelCodec, max_bytes: int, count: int) -> list[list[Tile]]:
    """A row of tiles for each of the `worst` faces of a folder; faces that do not fit are left out.

    The faces are read twice, since all of them may not fit in memory.
    """
    coded_faces = ((name, pixels, codec.best_under(pixels, max_bytes)) for name, pixels in faces_in(folder))
    figures = worst([figures_of(*face) for face in coded_faces if face[2]], count)
    by_name = {face.name: face for face in figures}
    rows = {}
    for name, pixels in faces_in(folder):
        if name in by_name:
            webp = PrescaledCodec(WEBP).best_under(pixels, max_bytes)
            rows[name] = tiles_of(by_name[name], pixels, codec.best_under(pixels, max_bytes), webp)
    return [rows[face.name] for face in figures]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("sheet", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--max-bytes", default=384, show_default=True, type=click.IntRange(1))
@click.option("--count", default=3, show_default=True, type=click.IntRange(1), help="Faces by each measure.")
@click.option("-m", "--model", default="face-1024", show_default=True, help="Name or weights file.")
def main(folder: Path, sheet: Path, max_bytes: int, count: int, model: str) -> None:
    """Draw the faces of FOLDER with the lowest PSNR, and those that are least the same person, to SHEET."""
    try:
        identity.require_packages()
        codec = ModelCodec(model, model)
        rows = failures(folder, codec, max_bytes, count)
        if not rows:
            raise GrainError(f"{folder}: no face in it fits in {max_bytes} bytes")
        contact_sheet(rows).save(sheet, quality=88)
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{sheet}: original, LR image, {', '.join(codec.outputs)}, WebP")


if __name__ == "__main__":
    main()
