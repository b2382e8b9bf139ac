"""Measures what each part of a model brings: the paper's plain LR image, then every picture that models draw of a file.

    python -m grain_codec.benchmarks.ablation FACES -m after-stage-3.safetensors -m face-1024 --max-bytes 384

The first row is the LR image of the paper on its own, 8 bits a sample and nothing laid over them, coded without
loss; its face is what face-1024's rescaling module draws of the thumbnail alone, every detail level zero.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import click
import numpy as np

from grain_codec.benchmarks.metrics.metric_set import MetricSet, choose_metrics
from grain_codec.benchmarks.metrics.psnr import thumbnail_of
from grain_codec.benchmarks.runs.faces import faces_in
from grain_codec.codec import Codec, Pixels, load_model
from grain_codec.errors import GrainError
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.grain2022 import lossless
from grain_codec.settings import DecodeSettings, EncodeSettings

PLAIN_MODEL = "face-1024"
Figures = dict[str, float]  # The bytes of a face's file, and the metrics of its picture.


def plain_samples(codec: Codec, metrics: MetricSet, pixels: Pixels) -> Figures:
    """Bytes and distances of a face uint8 `[S, S, 3]` as its thumbnail; the codec is of the family face-1024."""
    finest = cast(Face1024Symbols, codec.analyse(pixels, cast(Face1024Spec, codec.spec).fine_qualities - 1))
    [drawn] = codec.draw([replace(finest, details=np.zeros_like(finest.details))], "rescaled")
    return {"bytes": len(lossless.encode(thumbnail_of(pixels)))} | metrics.original(pixels).measure(drawn)


def every_picture(codec: Codec, metrics: MetricSet, pixels: Pixels, max_bytes: int) -> Iterator[tuple[str, Figures]]:
    """The pictures that a model draws of the file of a face, with the file's bytes and their distances."""
    data = codec.encode(pixels, EncodeSettings(max_bytes=max_bytes))
    for output in codec.outputs:
        distances = metrics.original(pixels).measure(codec.decode(data, DecodeSettings(output=output)))
        yield output, {"bytes": len(data)} | distances


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("faces", type=click.Path(exists=True, path_type=Path))
@click.option("-m", "--model", "models", multiple=True, default=(PLAIN_MODEL,), help="Name or weights; repeatable.")
@click.option("--max-bytes", default=384, show_default=True, type=click.IntRange(1), help="Of the models' files.")
@click.option("--metric", "names", multiple=True, help="As for grain-bench.")
@click.option("--lpips-weights", multiple=True, type=click.Path(exists=True), help="As for grain-bench.")
def main(
    faces: Path, models: tuple[str, ...], max_bytes: int, names: tuple[str, ...], lpips_weights: tuple[str, ...]
) -> None:
    """Print means over FACES, a folder of aligned faces that all fit."""
    rows: dict[str, list[Figures]] = defaultdict(list)
    try:
        codecs = {model: load_model(model) for model in models}
        metrics = MetricSet(choose_metrics(names, lpips_weights), lpips_weights)
        for _, pixels in faces_in(faces):
            rows["plain 8-bit LR image"].append(plain_samples(load_model(PLAIN_MODEL), metrics, pixels))
            for model, codec in codecs.items():
                for output, figures in every_picture(codec, metrics, pixels, max_bytes):
                    rows[f"{Path(model).stem} {output}"].append(figures)
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error
    for name, found in rows.items():
        means = (f"{column} {np.mean([each[column] for each in found]):.3f}" for column in found[0])
        click.echo(f"{name}: {len(found)} faces, {', '.join(means)}")


if __name__ == "__main__":
    main()
