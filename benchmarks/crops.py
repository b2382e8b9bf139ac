"""A sheet of crops at full size, to be looked at pixel by pixel: the original beside `fused` and another codec.

python -m grain_codec.benchmarks.crops FACES SHEET.jpg --max-bytes 484 --rival vvc-implied
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from grain_codec.benchmarks.codecs.face_codec import FaceCodec
from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.benchmarks.runs.plan import FORMATS, NamedModel, Plan, make_codec
from grain_codec.codec import Pixels
from grain_codec.errors import GrainError
from grain_codec.formats.images.contact_sheet import Tile, contact_sheet

SIDE = 192  # Side of a crop in pixels, of the face and of the sheet.

PLACES = {
    "eye": (480, 390),
    "other eye": (480, 634),
    "mouth": (705, 512),
    "hairline": (210, 512),
    "ear": (540, 200),
    "background": (110, 110),
}
"""The middles of the crops, row and column in a face of 1024 pixels that is aligned as FFHQ's are."""


def crops(pixels: Pixels, caption: str) -> list[Tile]:
    """The crops of a face uint8 `[S, S, 3]`; the caption stands above the first."""
    scale, half = len(pixels) / 1024, SIDE // 2
    tiles: list[Tile] = []
    for name, (row, column) in PLACES.items():
        top, left = (min(max(round(place * scale) - half, 0), len(pixels) - SIDE) for place in (row, column))
        tiles.append(Tile(pixels[top : top + SIDE, left : left + SIDE], caption if not tiles else name))
    return tiles


def rows_of(name: str, pixels: Pixels, max_bytes: int, codecs: Sequence[FaceCodec]) -> list[list[Tile]]:
    """A row of crops of the original, and one of each codec's best file; the first output where it has several."""
    rows = [crops(pixels, name)]
    for codec in codecs:
        coded = codec.best_under(pixels, max_bytes)
        if coded:
            rows.append(crops(coded[0].pixels, f"{coded[0].series.output or codec.name}, {len(coded[0].data)} B"))
    return rows


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("sheet", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--max-bytes", default=484, show_default=True, type=click.IntRange(1))
@click.option("--count", default=12, show_default=True, type=click.IntRange(1), help="Faces, the first of FOLDER.")
@click.option("-m", "--model", default="face-1024", show_default=True, help="Name or weights file.")
@click.option("--rival", default="vvc-implied", show_default=True, type=click.Choice(list(FORMATS)))
def main(folder: Path, sheet: Path, max_bytes: int, count: int, model: str, rival: str) -> None:
    """Draw crops of the faces of FOLDER to SHEET: eyes, mouth, hairline, ear and background."""
    try:
        plan = Plan((rival,), (NamedModel(model, model),))
        codecs = [make_codec(plan, name) for name in plan.names[::-1]]
        rows = [
            row
            for name, pixels in islice(faces_in(folder), count)
            for row in rows_of(Path(name).stem, pixels, max_bytes, codecs)
        ]
        contact_sheet(rows, SIDE).save(sheet, quality=88)
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{sheet}: of each face the original, fused and {rival}")


if __name__ == "__main__":
    main()
