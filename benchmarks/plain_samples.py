"""The LR image of the paper on its own: 8 bits a sample, nothing laid over them, measured as a codec.

    python -m grain_codec.benchmarks.plain_samples FACES

Bytes are those of the 16x16 thumbnail, coded without loss. The face is what face-1024's rescaling module draws
of the thumbnail alone: the same networks, every detail level zero.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from grain_codec import lossless
from grain_codec.benchmarks.faces import faces_in
from grain_codec.benchmarks.metrics import Judge, choose_metrics, thumbnail_of
from grain_codec.codec import Codec, load_model


def measure(codec: Codec, judge: Judge, pixels: np.ndarray) -> dict[str, float]:
    """Bytes and distances of a face uint8 `[S, S, 3]`."""
    finest = codec.analyse(pixels, codec.spec.fine_qualities - 1)
    drawn = codec.draw(replace(finest, details=np.zeros_like(finest.details)), "rescaled")
    sizes = {"bytes": len(lossless.encode(thumbnail_of(pixels)))}
    return sizes | judge.original(pixels).measure(drawn)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("faces", type=click.Path(exists=True, path_type=Path))
@click.option("--metric", "metrics", multiple=True, help="As for grain-bench; all that can be measured by default.")
@click.option("--lpips-weights", multiple=True, type=click.Path(exists=True), help="As for grain-bench.")
def main(faces: Path, metrics: tuple[str, ...], lpips_weights: tuple[str, ...]) -> None:
    """Print the means over FACES, a folder of aligned faces."""
    codec = load_model("face-1024")
    judge = Judge(choose_metrics(metrics, lpips_weights), lpips_weights)
    rows = [measure(codec, judge, pixels) for _, pixels in faces_in(faces)]
    means = {name: np.mean([row[name] for row in rows]) for name in rows[0]} if rows else {}
    click.echo(", ".join([f"{len(rows)} faces", *(f"{name} {value:.3f}" for name, value in means.items())]))


if __name__ == "__main__":
    main()
