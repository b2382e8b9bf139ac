"""The options of grain-train: those that every stage has, and those of the loss and of earlier stages."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from grain_codec.cli.options import Command, all_of
from grain_codec.settings import DEFAULT_MODEL
from grain_codec.training.settings import LossSettings, Recipe, RunSettings

file_type = click.Path(exists=True, dir_okay=False, path_type=Path)
count_type = click.IntRange(1)


def setting(settings: type, flag: str, meaning: str, field: str = "", **more: Any) -> Callable[[Command], Command]:
    """An option with the default of a field of some settings; the flag names the field, if `field` does not."""
    field = field or flag.removeprefix("--").replace("-", "_")
    return click.option(flag, field, default=getattr(settings, field), show_default=True, help=meaning, **more)


faces_option = partial(click.option, multiple=True, type=click.Path(exists=True, path_type=Path))
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
device_option = setting(RunSettings, "--device", "auto, cpu, cuda or cuda:N.")

run_options = all_of(
    model_option,
    faces_option("--data", required=True, help="Folder of faces or tar shard; repeat for several."),
    faces_option("--validation", required=True, help="Faces to measure on."),
    exp_dir_option,
    checkpoint_option,
    click.option("--max-steps", "--steps", "steps", default=Recipe.steps, show_default=True, help="Steps in all."),
    click.option("--minutes", default=Recipe.minutes, help="End this run earlier; a falling rate then falls with it."),
    click.option("--batch-size", type=count_type, help="Faces a step and process."),
    click.option("--learning-rate", type=click.FloatRange(0), help="Of generator and discriminator, at its highest."),
    click.option("--optimizer", type=click.Choice(["adam", "ranger", "muon"])),
    click.option("--schedule", type=click.Choice(["constant", "cosine"]), help="Of the learning rate."),
    click.option("--clip", type=click.FloatRange(0, min_open=True), help="Largest norm of the generator's gradient."),
    click.option(
        "--average",
        type=click.FloatRange(0, 1, max_open=True),
        help="Decay of a moving average of the weights, which is then what is kept; 0 for none.",
    ),
    setting(
        Recipe,
        "--precision",
        "Of matrix products; auto is bfloat16 on a GPU and float32 elsewhere.",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    ),
    click.option(
        "--flips/--no-flips",
        default=RunSettings.flips,
        help="Mirror half of the faces; face-1024's rescaling always does.",
    ),
    setting(RunSettings, "--workers", "Decoding processes, where faces are read as needed."),
    click.option("--checkpoint-every", type=count_type, help="Steps between checkpoints."),
    click.option("--validate-every", type=count_type, help="Steps between validations and contact sheets."),
    setting(Recipe, "--report-every", "Steps between rows.", type=count_type),
    setting(
        RunSettings,
        "--validation-faces",
        "Faces of --validation that are used, the first; face-1024's rescaling uses all.",
    ),
    device_option,
    click.option("--compile/--no-compile", default=Recipe.compile, help="Use torch.compile."),
    setting(RunSettings, "--seed", "Of fresh weights and of the order of the faces."),
)

weight_option = partial(setting, LossSettings)
loss_options = all_of(
    click.option("--lr-l2-lambda", "lr", type=float, help="Weight of the LR image's error.  [published, by the stage]"),
    weight_option("--l2-lambda", "Weight of the picture's squared error.", "square"),
    weight_option("--lpips-lambda", "Weight of the perceptual distance.", "perceptual"),
    weight_option("--id-lambda", "Weight of the identity distance.", "identity"),
    weight_option("--adv-lambda", "Weight of the adversarial term.", "adversarial"),
    click.option(
        "--lpips-weights",
        multiple=True,
        type=file_type,
        help="LPIPS: AlexNet and the heads, twice this option, or one file with both.",
    ),
    click.option("--identity-weights", type=file_type, help="Face recogniser: model_ir_se50.pth, or dlib's."),
)

module_options = all_of(
    click.option("--rescaling-checkpoint", type=file_type, help="Rescaling module of an earlier stage."),
    click.option("--prior-checkpoint", type=file_type, help="Prior module of an earlier stage."),
    click.option("--fusion-checkpoint", type=file_type, help="Fusion module of an earlier stage."),
    click.option(
        "--generator-weights",
        type=file_type,
        help="Pretrained generator: StyleGAN2 with its mean code for grain-2022, MobileStyleGAN for face-1024.",
    ),
)

start_options = all_of(
    module_options,
    click.option("--discriminator-weights", type=file_type, help="Discriminator to start from."),
    setting(
        RunSettings,
        "--drawn-faces",
        "face-1024's prior: faces of the pretrained generator to learn from, 4 MiB of memory each.",
        type=count_type,
    ),
    click.option(
        "--official-noise",
        is_flag=True,
        help="grain-2022: noise in place of rounding, fresh generator noise, as the published program trains.",
    ),
)
