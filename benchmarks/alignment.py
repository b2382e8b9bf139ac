"""How exactly faces are found: aligned faces are put into larger pictures at known places, sizes and angles.

    python -m grain_codec.benchmarks.alignment FACES...

FACES are folders of square photographs that are aligned as FFHQ is. Each one is put into a picture of noise and
shadows in several ways, and the crop that is found there is compared with the one that was put in. Errors are given as
if the crop had 1024 pixels a side.
"""

import cmath
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.face_finder import find_faces
from grain_codec.formats.alignment.placement import Alignment
from grain_codec.formats.images.face_sets import FaceSet

Pixels = npt.NDArray[np.uint8]

SIDE = 1024  # Errors are in pixels of a crop of this side.
FACE_SHARE = 0.6  # Size of a face, from brow to chin, in sides of its crop.


@dataclass(frozen=True)
class Setting:
    """A way to put a face into a picture."""

    name: str
    width: int
    height: int
    side: float  # Of the crop, in pixels.
    degrees: float | None = None  # By how much the face is turned; None takes any angle.
    shade: Callable[[Pixels], Pixels] = lambda face: face  # Changes the face before.


def half_in_shadow(face: Pixels) -> Pixels:
    """A face whose left half is dark."""
    across = np.linspace(0, 1, face.shape[1])[None, :, None]
    light = 0.12 + 0.88 / (1 + np.exp(-(across - 0.5) * 40))
    shaded: Pixels = np.rint(face * light).astype(np.uint8)
    return shaded


SETTINGS = (
    Setting("as it is", SIDE, SIDE, SIDE, 0),
    Setting("any angle", 1600, 1200, 700),
    Setting("turned by 45", 1600, 1200, 700, 45),
    Setting("turned by 90", 1600, 1200, 700, 90),
    Setting("turned by 180", 1600, 1200, 700, 180),
    Setting("60 px, upright", 1600, 1200, 60 / FACE_SHARE, 0),
    Setting("60 px, any angle", 1600, 1200, 60 / FACE_SHARE),
    Setting("60 px of 12 MP", 4000, 3000, 60 / FACE_SHARE, 0),
    Setting("12 MP, any angle", 4000, 3000, 1500),
    Setting("half in shadow", 1600, 1200, 700, 0, half_in_shadow),
)


def place_of(setting: Setting, random: np.random.Generator) -> Alignment:
    """Where a face is put: somewhere in the picture with its whole crop, where that fits."""
    degrees = random.uniform(-180, 180) if setting.degrees is None else setting.degrees
    axis = setting.side / 2 * cmath.exp(1j * math.radians(degrees))
    reach = abs(axis.real) + abs(axis.imag)
    x, y = (
        random.uniform(min(reach, side / 2), max(side - reach, side / 2)) for side in (setting.width, setting.height)
    )
    return Alignment.nearest(setting.width, setting.height, complex(x, y), axis)


def wall(width: int, height: int, random: np.random.Generator) -> Pixels:
    """A picture without a face: soft shadows and noise, uint8 `[height, width, 3]`."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    shadows = 120 + 30 * np.sin(row / 97) * np.cos(column / 131)
    noisy = shadows[..., None] + random.normal(0, 4, (height, width, 3)).astype(np.float32)
    picture: Pixels = noisy.clip(0, 255).astype(np.uint8)
    return picture


def errors(found: list[Alignment], place: Alignment) -> tuple[float, float, float] | None:
    """How far the nearest find is off: centre in pixels of SIDE, scale as a ratio, turn in degrees; None if missed."""
    near = min(found, key=lambda each: abs(each.centre - place.centre), default=None)
    if near is None or abs(near.centre - place.centre) > place.side / 4:
        return None
    ratio = near.axis / place.axis
    return abs(near.centre - place.centre) / place.side * SIDE, abs(ratio), math.degrees(cmath.phase(ratio))


def measure(faces: FaceSet, setting: Setting) -> Iterator[tuple[tuple[float, float, float] | None, int, float]]:
    """For each face its errors, the number of finds that are no face, and the seconds of one core that finding took."""
    random = np.random.default_rng(0)
    empty = wall(setting.width, setting.height, random)
    for index in range(len(faces)):
        place = place_of(setting, random)
        face = setting.shade(faces[index].transpose(1, 2, 0))
        photo = face if setting.side == setting.width == setting.height else paste(face, place, empty)
        started = time.process_time()
        found = find_faces(photo)
        seconds = time.process_time() - started
        error = errors(found, place)
        yield error, len(found) - (error is not None), seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("sources", metavar="FACES...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="Only the first N faces.")
@click.option("--setting", "wanted", multiple=True, metavar="NAME", help="Only this setting; may be repeated.")
def main(sources: tuple[Path, ...], most: int | None, wanted: tuple[str, ...]) -> None:
    """Measure how exactly faces are found; prints a Markdown table."""
    faces = FaceSet(list(sources), SIDE, most=most)
    click.echo("| setting | faces | missed | others | centre px, median | p90 | scale, median | turn, median | s |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for setting in SETTINGS:
        if wanted and setting.name not in wanted:
            continue
        rows = list(measure(faces, setting))
        hits = [error for error, _, _ in rows if error is not None]
        centre, scale, turn = np.array(hits).reshape(-1, 3).T if hits else np.full((3, 1), math.nan)
        cells = [
            f"{len(rows)} | {len(rows) - len(hits)} | {sum(others for _, others, _ in rows)}",
            f"{np.median(centre):.1f} | {np.quantile(centre, 0.9):.1f} | {np.median(scale):.4f}",
            f"{np.median(np.abs(turn)):.2f} | {np.median([seconds for _, _, seconds in rows]):.2f}",
        ]
        click.echo(f"| {setting.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
