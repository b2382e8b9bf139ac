"""grain-train: trains a model stage by stage, exports it as the weights file that the codec loads, and tests it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from grain_codec.cli.training_options import (
    checkpoint_option,
    device_option,
    exp_dir_option,
    faces_option,
    file_type,
    loss_options,
    model_option,
    module_options,
    run_options,
    setting,
    start_options,
)
from grain_codec.errors import GrainError
from grain_codec.settings import DEFAULT_MODEL, MOST_QUALITY
from grain_codec.training.settings import ExportSettings, RunSettings, UnusableSettings, from_options
from grain_codec.version import VERSION

OFFICIAL_STAGES = {
    "--invRRDB": "rescaling",
    "--codeStyleGAN": "prior",
    "--Fusion": "fusion",
    "--finetune": "finetune",
}
"""The stages' commands by the options that ask for them in the official program."""


class StageGroup(click.Group):
    """Takes a stage's official option in place of its command, wherever the option stands."""

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
@click.version_option(VERSION, "-V", "--version", prog_name="grain-train")
def main() -> None:
    """Train the networks of grain-codec on aligned faces, in four stages: rescaling, prior, fusion, finetune.

    The stages' official spellings --invRRDB, --codeStyleGAN, --Fusion and --finetune stand for the same
    commands. A stage goes on from its checkpoint when there is one. Start it through torchrun to use
    several GPUs or machines: torchrun --nproc-per-node 8 -m grain_codec.cli.train STAGE ...
    """


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns errors that a user or a file has caused into one line and an exit code."""
    try:
        yield
    except UnusableSettings as error:
        raise click.UsageError(str(error)) from error
    except (GrainError, OSError) as error:
        raise click.ClickException(str(error)) from error


def stage_command(function: Callable[..., None]) -> click.Command:
    """The command of a stage, with the options that all stages have."""
    return main.command()(run_options(loss_options(start_options(click.pass_context(function)))))


@stage_command
@click.option("--start", metavar="MODEL", help="face-1024: weights to start from, not the closed-form solution.")
@setting(RunSettings, "--cell-rate", "face-1024: rate of per-cell matrices, relative.")
def rescaling(context: click.Context, **options: Any) -> None:
    """Stage 1: encoder, LR image and the decoder of `rescaled`.

    face-1024 minimises bits and squared error, from the closed-form solution, weights or a checkpoint;
    grain-2022 minimises the published loss.
    """
    _train(context, options)


@stage_command
def prior(context: click.Context, **options: Any) -> None:
    """Stage 2: the codes that the generative prior draws from; module 1 is frozen, and so is the generator."""
    _train(context, options)


@stage_command
def fusion(context: click.Context, **options: Any) -> None:
    """Stage 3: the fusion that draws the final face; modules 1 and 2 are frozen."""
    _train(context, options)


@stage_command
def finetune(context: click.Context, **options: Any) -> None:
    """Stage 4: all three modules together, on the final face."""
    _train(context, options)


@main.command()
@model_option
@faces_option("--data", help="face-1024: folder of faces or tar shard to fit the tables to; repeat for several.")
@checkpoint_option
@exp_dir_option
@module_options
@click.option("-o", "--output-dir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@setting(ExportSettings, "--faces", "Most faces the entropy coder's tables are fitted to.")
@click.option("--drawing-from", metavar="MODEL", help="face-1024 with --data: weights to take prior and fusion from.")
@click.option("--origin", default="", help="A sentence on where the weights come from, kept in the file.")
@device_option
def export(model: str, **options: Any) -> None:
    """Write the weights file NAME-FINGERPRINT.safetensors that the codec loads.

    face-1024 fits the entropy coder's tables to the faces of --data; without --data it adds the prior and the
    fusion that the stages have left under --exp-dir to the weights there are. grain-2022 takes all the modules
    under --exp-dir.
    """
    from grain_codec.training.family import read_sizes, training_of

    with plain_errors():
        spec = read_sizes(model)
        path = training_of(spec).export(spec, from_options(ExportSettings, options), click.echo)
        click.echo(f"written {path}")


@main.command()
@click.argument("faces", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-O", "--output-dir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A shipped model or a weights file; with --exp-dir or checkpoints, the sizes as for training.",
)
@exp_dir_option
@module_options
@click.option("-q", "--quality", type=click.IntRange(0, MOST_QUALITY), help="face-1024: quality from 0 to 100.")
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
def evaluate(**options: Any) -> None:
    """Write LR image, `rescaled`, `prior`, `fused` and a comparison of every face in FACES, and a table of distances.

    FACES are folders, tar shards or images. What is decoded is what a file holds.
    """
    from grain_codec.benchmarks.evaluation import EvaluationSettings, evaluate_model

    with plain_errors():
        evaluate_model(from_options(EvaluationSettings, options), click.echo)


def _train(context: click.Context, options: Mapping[str, Any]) -> None:
    """Trains the stage that the command is called after, of the model that the options name."""
    from grain_codec.training.family import read_sizes, training_of
    from grain_codec.training.runs.run import train_stage

    stage = context.command.name or ""
    with plain_errors():
        spec = read_sizes(options["model"])
        training = training_of(spec)
        _refuse_given(context, training.refused_options(stage))
        train_stage(training.stage_run(stage, spec, RunSettings.from_options(options)), click.echo)


def _refuse_given(context: click.Context, reasons: Mapping[str, str]) -> None:
    """Raises click.UsageError when the user gave an option that has an entry in `reasons`."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in reasons and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} {reasons[parameter.name]}.")


if __name__ == "__main__":
    main()
