"""Whether a codec draws the same marks into every face: how much fine detail survives when faces are averaged.

    python -m grain_codec.benchmarks.fixed_pattern FACES --max-bytes 384 --count 24

Detail finer than 64 pixels of different faces has little in common, so that the average of N faces keeps about one in
the square root of N of one face's strength, and a little more for eyes and mouths, which lie in the same places.
Marks that a decoder puts at the same pixels of every face survive whole.
"""

from collections import defaultdict
from itertools import islice
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.codec import Pixels, load_model
from grain_codec.errors import GrainError
from grain_codec.settings import DecodeSettings, EncodeSettings

COARSE_SIDE = 64  # Detail is what a picture shrunk to this side lacks.


class Averaged:
    """The average of the detail of some pictures, and their mean power."""

    def __init__(self) -> None:
        self.count, self.power = 0, 0.0
        self.total = np.zeros((), np.float32)

    def add(self, pixels: Pixels) -> None:
        """Adds a picture uint8 `[S, S, 3]`."""
        detail = detail_of(pixels)
        self.count, self.total = self.count + 1, self.total + detail
        self.power += float(np.mean(np.square(detail)))

    @property
    def kept(self) -> float:
        """The strength of the average over the root mean square of the pictures' own strengths."""
        average = np.mean(np.square(self.total / self.count))
        return float(np.sqrt(average / max(self.power / self.count, 1e-12)))


def detail_of(pixels: Pixels) -> npt.NDArray[np.float32]:
    """What a picture has beyond COARSE_SIDE lines, `[S, S, 3]`."""
    picture = Image.fromarray(pixels)
    coarse = picture.resize((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BICUBIC)
    enlarged = coarse.resize(picture.size, Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) - np.asarray(enlarged, np.float32)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("faces", type=click.Path(exists=True, path_type=Path))
@click.option("-m", "--model", default="face-1024", show_default=True, help="Name or weights.")
@click.option("--max-bytes", default=384, show_default=True, type=click.IntRange(1), help="Of the model's files.")
@click.option("--count", default=24, show_default=True, type=click.IntRange(2), help="Faces, the first of the folder.")
def main(faces: Path, model: str, max_bytes: int, count: int) -> None:
    """Print how much of their detail the photographs of FACES keep when averaged, and how much the decoded ones."""
    averages: dict[str, Averaged] = defaultdict(Averaged)
    try:
        codec = load_model(model)
        for _, pixels in islice(faces_in(faces), count):
            averages["photographs"].add(pixels)
            data = codec.encode(pixels, EncodeSettings(max_bytes=max_bytes))
            for output in codec.outputs:
                averages[output].add(codec.decode(data, DecodeSettings(output=output)))
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    reference = averages["photographs"].kept
    for name, average in averages.items():
        ratio = average.kept / reference
        click.echo(f"{name}: {average.count} faces, {average.kept:.3f} of a face's detail kept, {ratio:.2f} times")


if __name__ == "__main__":
    main()
