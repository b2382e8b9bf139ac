"""The settings of training runs and of exports. This module needs no torch, so that `--help` answers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

T = TypeVar("T")


class UnusableSettings(ValueError):
    """Settings that lack something or contradict each other; the text names the option of grain-train to change."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train."""

    steps: int = 300_000  # Generator steps in all, those of earlier runs of the same checkpoint included.
    minutes: float = math.inf  # Ends a run earlier; a falling learning rate then falls with the time instead.
    learning_rate: float = 1e-3  # The highest, of the generator and of the discriminator.
    schedule: str = "cosine"  # "cosine", which ends at zero, or "constant".
    warm_up: int = 300  # Steps over which the learning rate rises.
    optimizer: str = "adam"  # "adam", "ranger" or "muon", for both sides.
    momentum: float = 0.9  # Decay of Adam's mean gradient.
    clip: float = 1.0  # Largest norm of the generator's gradient; infinity leaves the gradient as it is.
    average: float = 0.998  # Decay of the moving average of weights that is measured and written; 0 for none.
    precision: str = "auto"  # "float32", "bfloat16", "float16", or "auto": bfloat16 on a GPU, else float32.
    report_every: int = 50  # Steps between progress lines.
    checkpoint_every: int = 1000  # Steps between checkpoints.
    validate_every: int = 0  # Steps between validations; 0 for one with every checkpoint.
    compile: bool = False  # Whether `torch.compile` is used for the generator step.


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The loss of the stages that draw pictures: weights of its terms, and what they need.

    A term of weight zero is not computed. None as the weight of `lr` stands for what is published for the stage.
    """

    lr: float | None = None  # Squared error of the LR image against the face, sampled bilinearly at 16x16.
    square: float = 1.0  # Squared error of the picture.
    perceptual: float = 0.8  # LPIPS.
    identity: float = 0.1  # Distance between a face recogniser's embeddings.
    adversarial: float = 0.01  # The discriminator's judgement.
    lpips_weights: tuple[Path, ...] = ()  # Files of the perceptual distance.
    identity_weights: Path | None = None  # File of the face recogniser.


@dataclass(frozen=True, kw_only=True)
class ModuleFiles:
    """Where trained modules are: in files that the user names, or where the stages have left them."""

    exp_dir: Path | None = None  # Folder in which each stage has a subfolder.
    rescaling_checkpoint: Path | None = None
    prior_checkpoint: Path | None = None
    fusion_checkpoint: Path | None = None
    generator_weights: Path | None = None  # Pretrained generator of faces.

    def named(self, module: str) -> Path | None:
        """The file that the user names for a module."""
        path: Path | None = getattr(self, f"{module}_checkpoint")
        return path

    def needed(self, module: str, file_name: str) -> Path:
        """The file of a module that a stage starts from: the named one, or that of the stage which trains the module.

        Raises:
            UnusableSettings: there is none.
        """
        path = self.named(module)
        if path is not None:
            return path
        path = None if self.exp_dir is None else self.exp_dir / module / file_name
        if path is None or not path.exists():
            where = "" if path is None else f"; {path} does not exist"
            raise UnusableSettings(
                f"this stage starts from a trained {module} module: give --{module}-checkpoint{where}."
            )
        return path

    def latest(self, module: str, file_name: str) -> Path | None:
        """The file of a module to export: the named one, or that of the last stage that has trained the module."""
        named = self.named(module)
        if named is not None or self.exp_dir is None:
            return named
        places = (self.exp_dir / stage / file_name for stage in ("finetune", module))
        return next((place for place in places if place.exists()), None)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings of the training of one stage.

    The fields are the options of grain-train by their names, whose help says what they do. None leaves a choice to
    the family of the model.
    """

    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    modules: ModuleFiles  # What the stage starts from; it leaves its files in a subfolder of `modules.exp_dir`.
    loss: LossSettings  # The loss of the stages that draw pictures.
    recipe: Mapping[str, Any]  # The fields of the family's `Recipe` that the user has chosen.
    checkpoint: Path | None = None
    batch_size: int | None = None
    flips: bool = False
    workers: int = 2
    validation_faces: int = 51
    device: str = "auto"
    seed: int = 0
    start: str | None = None
    cell_rate: float = 0.05
    discriminator_weights: Path | None = None
    drawn_faces: int = 400
    official_noise: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> RunSettings:
        """The settings that the options of a stage's command stand for; see `from_options`."""
        changes = {each.name: options[each.name] for each in fields(Recipe) if options.get(each.name) is not None}
        return from_options(cls, {**options, "recipe": changes})

    def folder(self, stage: str) -> Path | None:
        """The subfolder of `modules.exp_dir` for a stage's files."""
        return None if self.modules.exp_dir is None else self.modules.exp_dir / stage

    def state_path(self, stage: str) -> Path:
        """The file of a stage's training state.

        Raises:
            UnusableSettings: nothing says where it shall be.
        """
        folder = self.folder(stage)
        if self.checkpoint is not None:
            return self.checkpoint
        if folder is None:
            raise UnusableSettings("say with --exp-dir where the run leaves its files, or with --checkpoint.")
        return folder / "state.pt"


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """The settings of an export of trained networks as a weights file; see `grain-train export --help`."""

    output_dir: Path
    modules: ModuleFiles
    data: tuple[Path, ...] = ()
    checkpoint: Path | None = None
    faces: int = 3600
    drawing_from: str | None = None
    origin: str = ""
    device: str = "auto"


def from_options(kind: type[T], options: Mapping[str, Any]) -> T:
    """Settings of a kind from options that have the names of its fields, and of the fields of settings in it.

    A field whose option is missing or None keeps its default.
    """
    values: dict[str, object] = {}
    for name, hint in get_type_hints(kind).items():
        if is_dataclass(hint):
            values[name] = from_options(cast(type[object], hint), options)
        elif options.get(name) is not None:
            values[name] = options[name]
    return kind(**values)
