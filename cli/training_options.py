"""The options of grain-train: those that every stage has, and those of the loss and of earlier stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from grain_codec.models.registry import AnySpec
    from grain_codec.training.trainer import Recipe

file_type = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class RunOptions:
    """Where a run takes its faces from, where it leaves its files, how long and how fast it trains.

    What is None is the model's own choice. The fields are the options of `run_options`.
    """

    model: str
    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    exp_dir: Path | None
    checkpoint: Path | None
    steps: int
    minutes: float
    batch_size: int | None
    learning_rate: float | None
    optimizer: str | None
    schedule: str | None
    clip: float | None
    average: float | None
    precision: str
    flips: bool
    workers: int
    checkpoint_every: int | None
    validate_every: int | None
    report_every: int
    validation_faces: int
    device: str
    compile: bool
    seed: int

    @classmethod
    def taken_from(cls, options: dict[str, object]) -> RunOptions:
        """The run's options, taken out of those that a command was called with."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls)})

    def applied_to(self, recipe: Recipe) -> Recipe:
        """A model's recipe with what the user asks otherwise."""
        wishes = {field.name: getattr(self, field.name) for field in fields(recipe) if hasattr(self, field.name)}
        return replace(recipe, **{name: wish for name, wish in wishes.items() if wish is not None})

    def folder(self, stage: str) -> Path | None:
        """Where a stage leaves its files under --exp-dir."""
        return None if self.exp_dir is None else self.exp_dir / stage

    def state_path(self, stage: str) -> Path:
        """The checkpoint of a stage: --checkpoint, or a file under --exp-dir."""
        folder = self.folder(stage)
        if self.checkpoint is None and folder is None:
            raise click.UsageError("say with --exp-dir where the run leaves its files, or with --checkpoint.")
        return self.checkpoint or folder / "state.pt"


@dataclass(frozen=True)
class LossOptions:
    """Weights of the loss and the networks that judge; the fields are the options of `loss_options`."""

    lr_l2_lambda: float | None
    l2_lambda: float
    lpips_lambda: float
    id_lambda: float
    spectrum_lambda: float
    spectrum_window: tuple[int, ...]
    lattice_lambda: float
    adv_lambda: float
    lpips_weights: tuple[Path, ...]
    lpips_window: int | None
    identity_weights: Path | None

    @classmethod
    def taken_from(cls, options: dict[str, object]) -> LossOptions:
        """The loss's options, taken out of those that a command was called with."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class StartOptions:
    """What a stage starts from; the fields are the options of `start_options`."""

    rescaling_checkpoint: Path | None
    prior_checkpoint: Path | None
    fusion_checkpoint: Path | None
    generator_weights: Path | None
    discriminator_weights: Path | None = None
    adv_window: int | None = None
    official_noise: bool = False

    @classmethod
    def taken_from(cls, options: dict[str, object]) -> StartOptions:
        """The options, taken out of those that a command was called with."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls) if field.name in options})


def stacked(*decorators: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """One decorator of several, in the order in which --help shows them."""

    def decorate(command: Callable) -> Callable:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


model_option = click.option(
    "-m",
    "--model",
    default="face-1024",
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
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")

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
    click.option("--max-steps", "--steps", "steps", default=300_000, show_default=True, help="Steps in all."),
    click.option("--minutes", default=float("inf"), help="End this run earlier; a falling rate then falls with it."),
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
        default="auto",
        show_default=True,
        help="Of matrix products; auto is bfloat16 on a GPU and float32 elsewhere.",
    ),
    click.option(
        "--flips/--no-flips", default=False, help="Mirror half of the faces; face-1024's rescaling always does."
    ),
    click.option("--workers", default=2, show_default=True, help="Decoding processes, where faces are read as needed."),
    click.option("--checkpoint-every", type=click.IntRange(1), help="Steps between checkpoints."),
    click.option("--validate-every", type=click.IntRange(1), help="Steps between validations and contact sheets."),
    click.option("--report-every", type=click.IntRange(1), default=50, show_default=True, help="Steps between rows."),
    click.option(
        "--validation-faces",
        default=51,
        show_default=True,
        help="Faces of --validation that are used, the first; face-1024's rescaling uses all.",
    ),
    device_option,
    click.option("--compile/--no-compile", default=False, help="Use torch.compile."),
    click.option("--seed", default=0, show_default=True, help="Of fresh weights and of the order of the faces."),
)

loss_options = stacked(
    click.option("--lr-l2-lambda", type=float, help="Weight of the LR image's error.  [published, by the stage]"),
    click.option("--l2-lambda", default=1.0, show_default=True, help="Weight of the picture's squared error."),
    click.option("--lpips-lambda", default=0.8, show_default=True, help="Weight of the perceptual distance."),
    click.option("--id-lambda", default=0.1, show_default=True, help="Weight of the identity distance."),
    click.option(
        "--spectrum-lambda",
        default=0.0,
        show_default=True,
        help="Weight of the term against regular patterns: local power that the face has not.",
    ),
    click.option(
        "--spectrum-window",
        type=click.IntRange(8),
        multiple=True,
        default=(32,),
        show_default=True,
        metavar="N",
        help="Side in pixels of its windows, at most half a picture; repeat for several.",
    ),
    click.option(
        "--lattice-lambda",
        default=0.0,
        show_default=True,
        help="Weight of the term against detail at the same places of every cell of the 16x16 grid.",
    ),
    click.option("--adv-lambda", default=0.01, show_default=True, help="Weight of the adversarial term."),
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


def refuse_given(context: click.Context, names: tuple[str, ...], reason: str) -> None:
    """Raises click.UsageError when the user gave one of some parameters."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        if parameter.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} {reason}.")


def read_sizes(model: str) -> AnySpec:
    """The spec of a model's name or of a JSON file.

    Raises:
        WrongModel: the file is no spec.
        click.UsageError: the name is none.
    """
    from grain_codec.models.face1024.spec import Face1024Spec
    from grain_codec.models.grain2022.spec import Grain2022Spec
    from grain_codec.models.registry import read_spec

    known = {spec.name: spec for spec in (Face1024Spec(), Grain2022Spec())}
    if model in known:
        return known[model]
    if not model.endswith(".json"):
        raise click.UsageError(f"-m {model!r} is none of {', '.join(known)}, and no file SPEC.json.")
    return read_spec(Path(model).read_text(encoding="utf-8"))
