"""The options of grain-train: those that every stage has, and those of the loss and of earlier stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from grain_codec.settings import DEFAULT_MODEL
from grain_codec.training.settings import LossSettings, LossWeights, Recipe, RunSettings

Command = Callable[..., Any]

file_type = click.Path(exists=True, dir_okay=False, path_type=Path)


def stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator that does what several do, in the order in which --help shows their options."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


model_option = click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="face-1024, grain-2022, or a file SPEC.json with a model's sizes.",
)
exp_dir_option = click.option(
    "--exp-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a subfolder for each stage: training state, modules, log, contact sheets.",
)
checkpoint_option = click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Training state, when not under --exp-dir; a run goes on from it when it exists.",
)
device_option = click.option(
    "--device", default=RunSettings.device, show_default=True, help="auto, cpu, cuda or cuda:N."
)

run_options = stacked(
    model_option,
    click.option(
        "--data",
        required=True,
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        help="Folder of faces or tar shard; repeat for several.",
    ),
    click.option(
        "--validation",
        required=True,
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        help="Faces to measure on.",
    ),
    exp_dir_option,
    checkpoint_option,
    click.option("--max-steps", "--steps", "steps", default=Recipe.steps, show_default=True, help="Steps in all."),
    click.option("--minutes", default=Recipe.minutes, help="End this run earlier; a falling rate then falls with it."),
    click.option("--batch-size", type=click.IntRange(1), help="Faces a step and process."),
    click.option("--learning-rate", type=click.FloatRange(0), help="Of generator and discriminator, at its highest."),
    click.option("--optimizer", type=click.Choice(["adam", "ranger"])),
    click.option("--schedule", type=click.Choice(["constant", "cosine"]), help="Of the learning rate."),
    click.option("--clip", type=click.FloatRange(0, min_open=True), help="Largest norm of the generator's gradient."),
    click.option(
        "--average",
        type=click.FloatRange(0, 1, max_open=True),
        help="Decay of a moving average of the weights, which is then what is kept; 0 for none.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
        default=Recipe.precision,
        show_default=True,
        help="Of matrix products; auto is bfloat16 on a GPU and float32 elsewhere.",
    ),
    click.option(
        "--flips/--no-flips",
        default=RunSettings.flips,
        help="Mirror half of the faces; face-1024's rescaling always does.",
    ),
    click.option(
        "--workers",
        default=RunSettings.workers,
        show_default=True,
        help="Decoding processes, where faces are read as needed.",
    ),
    click.option("--checkpoint-every", type=click.IntRange(1), help="Steps between checkpoints."),
    click.option("--validate-every", type=click.IntRange(1), help="Steps between validations and contact sheets."),
    click.option(
        "--report-every",
        type=click.IntRange(1),
        default=Recipe.report_every,
        show_default=True,
        help="Steps between rows.",
    ),
    click.option(
        "--validation-faces",
        default=RunSettings.validation_faces,
        show_default=True,
        help="Faces of --validation that are used, the first; face-1024's rescaling uses all.",
    ),
    device_option,
    click.option("--compile/--no-compile", default=Recipe.compile, help="Use torch.compile."),
    click.option(
        "--seed", default=RunSettings.seed, show_default=True, help="Of fresh weights and of the order of the faces."
    ),
)

loss_options = stacked(
    click.option("--lr-l2-lambda", "lr", type=float, help="Weight of the LR image's error.  [published, by the stage]"),
    click.option(
        "--l2-lambda",
        "square",
        default=LossWeights.square,
        show_default=True,
        help="Weight of the picture's squared error.",
    ),
    click.option(
        "--lpips-lambda",
        "perceptual",
        default=LossWeights.perceptual,
        show_default=True,
        help="Weight of the perceptual distance.",
    ),
    click.option(
        "--id-lambda",
        "identity",
        default=LossWeights.identity,
        show_default=True,
        help="Weight of the identity distance.",
    ),
    click.option(
        "--spectrum-lambda",
        "spectrum",
        default=LossWeights.spectrum,
        show_default=True,
        help="Weight of the term against regular patterns: local power that the face has not.",
    ),
    click.option(
        "--spectrum-window",
        type=click.IntRange(8),
        multiple=True,
        default=LossSettings.spectrum_window,
        show_default=True,
        metavar="N",
        help="Side in pixels of its windows, at most half a picture; repeat for several.",
    ),
    click.option(
        "--lattice-lambda",
        "lattice",
        default=LossWeights.lattice,
        show_default=True,
        help="Weight of the term against detail at the same places of every cell of the 16x16 grid.",
    ),
    click.option(
        "--adv-lambda",
        "adversarial",
        default=LossWeights.adversarial,
        show_default=True,
        help="Weight of the adversarial term.",
    ),
    click.option(
        "--lpips-weights",
        multiple=True,
        type=file_type,
        help="LPIPS: AlexNet and the heads, twice this option, or one file with both.",
    ),
    click.option(
        "--lpips-window", type=click.IntRange(32), help="Measure it on a random window of so many pixels; for CPUs."
    ),
    click.option("--identity-weights", type=file_type, help="Face recogniser: model_ir_se50.pth, or dlib's."),
)

module_options = stacked(
    click.option("--rescaling-checkpoint", type=file_type, help="Rescaling module of an earlier stage."),
    click.option("--prior-checkpoint", type=file_type, help="Prior module of an earlier stage."),
    click.option("--fusion-checkpoint", type=file_type, help="Fusion module of an earlier stage."),
    click.option("--generator-weights", type=file_type, help="Pretrained generator of grain-2022, with its mean code."),
)

start_options = stacked(
    module_options,
    click.option("--discriminator-weights", type=file_type, help="Discriminator to start from."),
    click.option(
        "--adv-window",
        type=click.IntRange(32),
        help="face-1024: the discriminator judges a random window of so many pixels, patch by patch; for CPUs.",
    ),
    click.option(
        "--official-noise",
        is_flag=True,
        help="grain-2022: noise in place of rounding, fresh generator noise, as the published program trains.",
    ),
)
