"""What the stages need to know of models of the published kind: recipe, objective, and the files they start from."""

from __future__ import annotations

import math
from pathlib import Path

import click

from grain_codec.cli.training_options import StartOptions
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.networks import MODULES_FOR
from grain_codec.training.grain2022.stages import Grain2022Objective, published_adversary
from grain_codec.training.stage_files import OFFICIAL_NAMES, load_generator, load_module, load_prior
from grain_codec.training.stages import FaceLoss, Stage
from grain_codec.training.trainer import Recipe


class StagedGrain2022:
    """A model of the published kind in training; see `StagedModel` in `training_stages`."""

    file_names = OFFICIAL_NAMES
    batch_size = 1

    def __init__(self, spec: Grain2022Spec):
        self.spec, self.face_size = spec, spec.image_size

    def recipe(self, stage: Stage) -> Recipe:
        """As published: Ranger at a constant rate, every gradient as it is, no averaging."""
        return Recipe(
            steps=0,
            learning_rate=stage.learning_rate,
            schedule="constant",
            warm_up=0,
            optimizer="ranger",
            clip=math.inf,
            average=0.0,
            checkpoint_every=1000,
            validate_every=20_000,
        )

    def objective(self, stage: Stage, loss: FaceLoss, exp_dir: Path | None, starts: StartOptions) -> Grain2022Objective:
        """The stage with everything that it starts from in place."""
        networks = Grain2022(self.spec, {*stage.needs, *stage.trains})
        load_starts(networks, stage, exp_dir, starts)
        if starts.adv_window is not None:
            raise click.UsageError("--adv-window is for face-1024.")
        adversary = published_adversary(self.spec, stage) if loss.weights.adversarial else None
        if adversary is not None and starts.discriminator_weights is not None:
            load_module(adversary.discriminator, starts.discriminator_weights)
        return Grain2022Objective(networks, stage, loss, adversary, starts.official_noise)


def load_starts(networks: Grain2022, stage: Stage, exp_dir: Path | None, starts: StartOptions) -> None:
    """Puts into place what earlier stages have trained, and the pretrained generator.

    A file that no option names is looked for where the stage that writes it leaves it under --exp-dir.

    Raises:
        click.UsageError: a file is missing; the text names the option for it.
        WrongModel: a file is not usable.
    """
    for name in networks:
        path = getattr(starts, f"{name}_checkpoint")
        if path is None and name in stage.needs:
            path = earlier_file(name, exp_dir, OFFICIAL_NAMES)
        if name == "prior" and path is not None:
            load_prior(networks.prior, path, starts.generator_weights)
        elif name == "prior":
            _start_prior(networks, starts.generator_weights)
        elif path is not None:
            load_module(networks[name], path)


def trained_networks(spec: Grain2022Spec, exp_dir: Path | None, starts: StartOptions) -> Grain2022:
    """The networks that the stages have left, as many modules as there are, in evaluation mode.

    A file that no option names is that of the last stage under --exp-dir that has trained the module.

    Raises:
        click.UsageError: there is no rescaling module.
        WrongModel: a file is not usable.
    """
    found = {name: _latest_file(name, exp_dir, starts) for name in MODULES_FOR["fused"]}
    if found["rescaling"] is None:
        raise click.UsageError("no trained rescaling module: give --exp-dir or --rescaling-checkpoint.")
    modules = ["rescaling", *(["prior"] if found["prior"] else []), *(["fusion"] if found["fusion"] else [])]
    networks = Grain2022(spec, modules)
    for name in modules:
        if name == "prior":
            load_prior(networks.prior, found[name], starts.generator_weights)
        else:
            load_module(networks[name], found[name])
    return networks.eval().requires_grad_(False)


def _latest_file(name: str, exp_dir: Path | None, starts: StartOptions) -> Path | None:
    given = getattr(starts, f"{name}_checkpoint")
    if given is not None or exp_dir is None:
        return given
    places = (exp_dir / stage / OFFICIAL_NAMES[name] for stage in ("finetune", name))
    return next((place for place in places if place.exists()), None)


def earlier_file(name: str, exp_dir: Path | None, file_names: dict[str, str]) -> Path:
    """The file that the stage which trains a module has left of it under --exp-dir.

    Raises:
        click.UsageError: there is none; the text names the option that gives it.
    """
    path = None if exp_dir is None else exp_dir / name / file_names[name]
    if path is None or not path.exists():
        where = "" if path is None else f"; {path} does not exist"
        raise click.UsageError(f"this stage starts from a trained {name} module: give --{name}-checkpoint{where}.")
    return path


def _start_prior(networks: Grain2022, generator_weights: Path | None) -> None:
    """A fresh code encoder before a pretrained generator."""
    if generator_weights is None:
        raise click.UsageError("this stage trains codes for a pretrained generator: give --generator-weights.")
    load_generator(networks.prior, generator_weights)
