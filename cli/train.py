"""grain-train: fits and trains a model, and exports it as the weights file that the codec loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from grain_codec.errors import GrainError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train the networks of grain-codec on aligned faces."""


data_option = click.option(
    "--data",
    "sources",
    required=True,
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder of faces or tar shard; repeat for several.",
)
checkpoint_option = click.option(
    "--checkpoint",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Training state; a run goes on from it when it exists.",
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user or a file caused ends the command with one line instead of a traceback."""
    try:
        yield
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@data_option
@checkpoint_option
@click.option("--validation", required=True, type=click.Path(exists=True, path_type=Path), help="Faces to measure on.")
@click.option("--start", metavar="MODEL", help="Weights to start from, instead of the closed-form solution.")
@click.option("--steps", default=10_000, show_default=True, help="Optimiser steps in all.")
@click.option("--minutes", default=float("inf"), help="End this run earlier, learning rate included.")
@click.option("--batch-size", default=16, show_default=True, help="Faces a step and process.")
@click.option("--learning-rate", default=3e-3, show_default=True, help="Peak, of the convolutions.")
@click.option("--cell-rate", default=0.05, show_default=True, help="That of the per-cell matrices, relative to it.")
@click.option("--checkpoint-every", default=500, show_default=True, help="Steps between checkpoints.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--compile/--no-compile", default=False, help="Use torch.compile.")
@click.option("--seed", default=0, show_default=True, help="Of the order of the data and its augmentation.")
def rescaling(sources: tuple[Path, ...], checkpoint: Path, validation: Path, **options: object) -> None:
    """Train encoder, LR image and `rescaled` decoder, from the closed-form solution, weights or a checkpoint.

    Start it through torchrun to use several GPUs or machines.
    """
    from grain_codec.cli.training_run import train_rescaling

    with plain_errors():
        train_rescaling(list(sources), checkpoint, validation, **options)


@main.command()
@data_option
@checkpoint_option
@click.option("-o", "--output-dir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option("--faces", default=3600, show_default=True, help="Most faces the entropy coder's tables are fitted to.")
@click.option("--origin", default="", help="A sentence on where the weights come from, kept in the file.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def export(sources: tuple[Path, ...], checkpoint: Path, output_dir: Path, **options: object) -> None:
    """Fit the entropy coder's tables and write the weights file NAME-FINGERPRINT.safetensors."""
    from grain_codec.cli.training_run import export_model

    with plain_errors():
        export_model(list(sources), checkpoint, output_dir, **options)


if __name__ == "__main__":
    main()
