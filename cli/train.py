"""grain-train: trains a model stage by stage, exports it as the weights file that the codec loads, and tests it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from grain_codec.cli.training_options import (
    LossOptions,
    RunOptions,
    StartOptions,
    checkpoint_option,
    device_option,
    exp_dir_option,
    file_type,
    loss_options,
    model_option,
    module_options,
    read_sizes,
    refuse_given,
    run_options,
    start_options,
)

from grain_codec.errors import GrainError

if TYPE_CHECKING:
    from grain_codec.models.registry import AnySpec
    from grain_codec.training.runs.stage_run import StagedModel

OFFICIAL_STAGES = {
    "--invRRDB": "rescaling",
    "--codeStyleGAN": "prior",
    "--Fusion": "fusion",
    "--finetune": "finetune",
}
"""Each stage's command by the option that asks for it in the official program."""


class StageGroup(click.Group):
    """Takes a stage's official option in place of its command, wherever it stands."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Puts the command that an official option stands for first."""
        asked = [argument for argument in arguments if argument in OFFICIAL_STAGES]
        if len(asked) > 1:
            raise click.UsageError(f"{' and '.join(asked)}: one stage at a time.")
        if asked:
            others = [argument for argument in arguments if argument not in OFFICIAL_STAGES]
            arguments = [OFFICIAL_STAGES[asked[0]], *others]
        return super().parse_args(context, arguments)


@click.group(
    cls=StageGroup,
    # The official program spells its options with underscores.
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: token.replace("_", "-"),
    },
)
def main() -> None:
    """Train the networks of grain-codec on aligned faces, in four stages: rescaling, prior, fusion, finetune.

    The stages' official spellings --invRRDB, --codeStyleGAN, --Fusion and --finetune stand for the same
    commands. A stage goes on from its checkpoint when there is one. Start it through torchrun to use
    several GPUs or machines: torchrun --nproc-per-node 8 -m grain_codec.cli.train STAGE ...
    """


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user or a file caused ends the command with one line instead of a traceback."""
    try:
        yield
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@run_options
@loss_options
@start_options
@click.option("--start", metavar="MODEL", help="face-1024: weights to start from, not the closed-form solution.")
@click.option("--cell-rate", default=0.05, show_default=True, help="face-1024: rate of per-cell matrices, relative.")
@click.pass_context
def rescaling(context: click.Context, start: str | None, cell_rate: float, **options: object) -> None:
    """Stage 1: encoder, LR image and the decoder of `rescaled`.

    face-1024 minimises bits and squared error, from the closed-form solution, weights or a checkpoint;
    grain-2022 minimises the published loss.
    """
    run = RunOptions.taken_from(options)
    with plain_errors():
        spec = read_sizes(run.model)
        if spec.family is not None:
            refuse_given(context, ("start", "cell_rate"), "is for face-1024")
            return _train_stage("rescaling", spec, run, options)
        refuse_given(context, tuple(options), "is not for this stage of face-1024, which has a loss of its own")
        from grain_codec.training.runs.rescaling_run import train_rescaling

        train_rescaling(run, spec, start, cell_rate)


@main.command()
@run_options
@loss_options
@start_options
@click.pass_context
def prior(context: click.Context, **options: object) -> None:
    """Stage 2: the codes that the generative prior draws from; module 1 is frozen, and so is the generator."""
    _drawing_stage(context, "prior", options)


@main.command()
@run_options
@loss_options
@start_options
@click.pass_context
def fusion(context: click.Context, **options: object) -> None:
    """Stage 3: the fusion that draws the final face; modules 1 and 2 are frozen."""
    _drawing_stage(context, "fusion", options)


@main.command()
@run_options
@loss_options
@start_options
@click.pass_context
def finetune(context: click.Context, **options: object) -> None:
    """Stage 4: all three modules together, on the final face."""
    _drawing_stage(context, "finetune", options)


@main.command()
@model_option
@click.option(
    "--data",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="face-1024: folder of faces or tar shard to fit the tables to; repeat for several.",
)
@checkpoint_option
@exp_dir_option
@module_options
@click.option("-o", "--output-dir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option("--faces", default=3600, show_default=True, help="Most faces the entropy coder's tables are fitted to.")
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="face-1024 without --data: how much is kept of what the fusion adds to `rescaled`.",
)
@click.option("--origin", default="", help="A sentence on where the weights come from, kept in the file.")
@device_option
def export(model: str, checkpoint: Path | None, exp_dir: Path | None, output_dir: Path, **options: object) -> None:
    """Write the weights file NAME-FINGERPRINT.safetensors that the codec loads.

    face-1024 fits the entropy coder's tables to the faces of --data; without --data it adds the prior and the
    fusion that the stages have left under --exp-dir to the weights there are. grain-2022 takes all the modules
    under --exp-dir.
    """
    from grain_codec.training.runs.export import export_face1024, export_grain2022, export_with_drawing

    starts, strength = StartOptions.taken_from(options), options.pop("strength")
    with plain_errors():
        spec = read_sizes(model)
        if spec.family is not None:
            return export_grain2022(spec, exp_dir, starts, output_dir, options["origin"])
        sources = list(options.pop("data"))
        if not sources:
            return export_with_drawing(spec, exp_dir, starts, output_dir, strength, options["origin"])
        checkpoint = checkpoint or (exp_dir and exp_dir / "rescaling" / "state.pt")
        if checkpoint is None:
            raise click.UsageError("face-1024 needs --checkpoint or --exp-dir.")
        export_face1024(spec, sources, checkpoint, output_dir, **options)


@main.command()
@click.argument("faces", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-O", "--output-dir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option(
    "-m",
    "--model",
    default="face-1024",
    show_default=True,
    help="A shipped model or a weights file; with --exp-dir or checkpoints, the sizes as for training.",
)
@exp_dir_option
@module_options
@click.option("-q", "--quality", type=click.IntRange(1), help="face-1024: quality level.")
@click.option("--lpips-weights", multiple=True, type=file_type, help="Measure LPIPS too; as for training.")
@click.option("--identity-weights", type=file_type, help="Measure the identity distance too; as for training.")
@click.option(
    "--official-quirks",
    is_flag=True,
    help="grain-2022: as the published test program, which adds noise where a file has whole levels, draws"
    " fresh generator noise, and cuts samples off instead of rounding them.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite what is there.")
@device_option
def evaluate(faces: tuple[Path, ...], output_dir: Path, **options: object) -> None:
    """Write LR image, `rescaled`, `prior`, `fused` and a comparison of every face in FACES, and a table of distances.

    FACES are folders, tar shards or images. What is decoded is what a file holds.
    """
    from grain_codec.benchmarks.evaluation import evaluate_model

    starts = StartOptions.taken_from(options)
    with plain_errors():
        evaluate_model(list(faces), output_dir, starts=starts, **options)


def _drawing_stage(context: click.Context, name: str, options: dict[str, object]) -> None:
    run = RunOptions.taken_from(options)
    with plain_errors():
        spec = read_sizes(run.model)
        if spec.family is None:
            refuse_given(context, ("generator_weights", "official_noise", "lr_l2_lambda"), "is for grain-2022")
        _train_stage(name, spec, run, options)


def _train_stage(name: str, spec: AnySpec, run: RunOptions, options: dict[str, object]) -> None:
    from grain_codec.training.runs.stage_run import train_stage

    losses, starts = LossOptions.taken_from(options), StartOptions.taken_from(options)
    train_stage(name, _staged_model(spec), run, losses, starts)


def _staged_model(spec: AnySpec) -> StagedModel:
    """What the stages need to know of the kind of model that a spec is of."""
    if spec.family is None:
        from grain_codec.training.runs.face1024 import StagedFace1024

        return StagedFace1024(spec)
    from grain_codec.training.runs.grain2022 import StagedGrain2022

    return StagedGrain2022(spec)


if __name__ == "__main__":
    main()
