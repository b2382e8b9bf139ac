"""The runs behind the four stage commands for the drawn pictures: files in, objective, trainer, files out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import click
import numpy as np
import torch
from torch import Tensor

from grain_codec.cli.training_options import LossOptions, RunOptions, StartOptions
from grain_codec.formats.images.face_sets import FaceSet
from grain_codec.models.grain2022.stylegan2 import STANDARD_DEVIATION_GROUP, StyleGAN2Discriminator
from grain_codec.models.registry import AnySpec
from grain_codec.training.data import streamed_batches
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.perceptual import load_perceptual
from grain_codec.training.losses.windows import DistanceOnWindows
from grain_codec.training.run_log import RunLog
from grain_codec.training.runs.observer import RunObserver
from grain_codec.training.runs.processes import is_first, processes, share
from grain_codec.training.runs.sheets import contact_sheet, to_pixels
from grain_codec.training.stage_files import OFFICIAL_DISCRIMINATORS, write_module
from grain_codec.training.stages import STAGES, FaceLoss, LossWeights, Stage, StageObjective
from grain_codec.training.trainer import Recipe, Trainer

SHOWN_FACES = 8


class StagedModel(Protocol):
    """What the stages need to know of a kind of model.

    Attributes:
        spec: the model's sizes.
        face_size: side of the faces that its objectives take, in pixels.
        batch_size: faces a step and process, unless the user asks otherwise.
        file_names: of the modules' files, by the modules' names.
    """

    spec: AnySpec
    face_size: int
    batch_size: int
    file_names: dict[str, str]

    def recipe(self, stage: Stage) -> Recipe:
        """How a stage is trained, unless the user asks otherwise."""

    def objective(self, stage: Stage, loss: FaceLoss, exp_dir: Path | None, starts: StartOptions) -> StageObjective:
        """The stage, with everything that it starts from in place; takes batches of faces `[B, 3, S, S]` in [-1, 1]."""


def train_stage(
    name: str, model: StagedModel, options: RunOptions, loss_options: LossOptions, starts: StartOptions
) -> None:
    """Trains one stage; see `grain-train STAGE --help`."""
    stage, state_path = STAGES[name], options.state_path(name)
    _refuse_large_windows(model.face_size, loss_options)
    loss = build_loss(stage, loss_options)
    with processes(options.device) as place:
        faces = FaceSet(list(options.data), model.face_size, "bilinear")
        seen = FaceSet(list(options.validation), model.face_size, "bilinear", options.validation_faces)
        click.echo(f"{len(faces)} training faces, {len(seen)} validation faces, on {place}")
        torch.manual_seed(options.seed)
        size = options.batch_size or model.batch_size
        objective = model.objective(stage, loss, options.exp_dir, starts)
        _refuse_uneven_groups(objective, size)
        trainer = Trainer(objective, options.applied_to(model.recipe(stage)), place, state_path)
        torch.manual_seed(options.seed + 1000 * trainer.rank + trainer.step)
        data = _face_batches(faces, size, options, trainer)
        trainer.run(data, _observer(trainer, model, seen, options))


def _refuse_uneven_groups(objective: StageObjective, batch_size: int) -> None:
    """Raises click.UsageError for a batch that the discriminator cannot part into groups."""
    group = STANDARD_DEVIATION_GROUP
    grouped = isinstance(getattr(objective.adversary, "discriminator", None), StyleGAN2Discriminator)
    if grouped and batch_size > group and batch_size % group:
        raise click.UsageError(f"--batch-size: the discriminator compares groups of {group}; give a multiple.")


def _refuse_large_windows(face_size: int, options: LossOptions) -> None:
    """Raises click.UsageError for windows of the spectral term of which too few lie in a picture."""
    if options.spectrum_lambda and 2 * max(options.spectrum_window) > face_size:
        raise click.UsageError(f"--spectrum-window: the pictures have {face_size} pixels; give at most half of that.")


def build_loss(stage: Stage, options: LossOptions) -> FaceLoss:
    """The loss of a stage, with the networks that judge.

    Raises:
        click.UsageError: a term has a weight, but not the network that it needs.
        WrongModel: a file of such a network is not usable.
    """
    weights = LossWeights(
        lr=stage.lr_weight if options.lr_l2_lambda is None else options.lr_l2_lambda,
        square=options.l2_lambda,
        perceptual=options.lpips_lambda,
        identity=options.id_lambda,
        spectrum=options.spectrum_lambda,
        lattice=options.lattice_lambda,
        adversarial=options.adv_lambda,
    )
    if weights.perceptual and not options.lpips_weights:
        raise click.UsageError("the perceptual term needs --lpips-weights; --lpips-lambda 0 trains without it.")
    if weights.identity and options.identity_weights is None:
        raise click.UsageError("the identity term needs --identity-weights; --id-lambda 0 trains without it.")
    perceptual = load_perceptual(options.lpips_weights) if weights.perceptual else None
    if perceptual is not None and options.lpips_window is not None:
        perceptual = DistanceOnWindows(perceptual, options.lpips_window)
    return FaceLoss(
        weights,
        perceptual,
        load_identity(options.identity_weights) if weights.identity else None,
        options.spectrum_window,
    )


def _observer(
    trainer: Trainer, model: StagedModel, faces: Sequence[np.ndarray], options: RunOptions
) -> RunObserver | None:
    """What the first process tells of a stage; the others tell nothing."""
    if not is_first():
        return None
    objective: StageObjective = trainer.objective
    folder = options.folder(objective.stage.name) or trainer.checkpoint.parent
    return RunObserver(
        RunLog(folder / "log.csv", trainer.step),
        lambda: _validation_figures(objective, faces, trainer.device),
        lambda: _sheet(objective, faces, trainer.device),
        folder / "sheets",
        lambda prefix: _write_modules(objective, model, folder, prefix),
    )


def _face_batches(faces: FaceSet, size: int, options: RunOptions, trainer: Trainer) -> Iterator[tuple[Tensor]]:
    """The stage's batches: faces alone."""
    seed, pinned = options.seed + trainer.step, trainer.device.type == "cuda"
    for batch in streamed_batches(faces, size, seed, options.flips, options.workers, share(), pinned):
        # As bytes a batch takes a quarter of the way to a GPU.
        yield (batch.to(trainer.device, non_blocking=True).float() / 127.5 - 1,)


@torch.no_grad()
def _validation_figures(
    objective: StageObjective, faces: Sequence[np.ndarray], device: torch.device
) -> dict[str, float]:
    """Means over the faces of the loss without its adversarial term, of its terms and of the PSNR in dB."""
    sums: dict[str, float] = {}
    with torch.random.fork_rng():
        # Whatever is drawn at random is the same in every validation, so that the best one is the best.
        torch.manual_seed(0)
        for index in range(len(faces)):
            drawn = objective.draw(_face(faces, index, device))
            loss, figures = objective.loss(drawn.picture, drawn.face, drawn.lr)
            error = (drawn.picture.clamp(-1, 1) - drawn.face).square().mean()
            figures = {"loss": loss, **figures, "psnr": 10 * torch.log10(4 / error)}
            sums = {name: sums.get(name, 0.0) + float(value) for name, value in figures.items()}
    return {name: total / len(faces) for name, total in sums.items()}


@torch.no_grad()
def _sheet(objective: StageObjective, faces: Sequence[np.ndarray], device: torch.device) -> bytes:
    """The first faces and what the stage makes of them."""
    rows = [objective.show(_face(faces, index, device)) for index in range(min(len(faces), SHOWN_FACES))]
    return contact_sheet({name: np.concatenate([to_pixels(row[name]) for row in rows]) for name in rows[0]})


def _face(faces: Sequence[np.ndarray], index: int, device: torch.device) -> Tensor:
    return torch.from_numpy(faces[index])[None].to(device).float() / 127.5 - 1


def _write_modules(objective: StageObjective, model: StagedModel, folder: Path, prefix: str) -> None:
    """The stage's modules, and with every checkpoint the discriminator, as later stages read them."""
    spec = model.spec.to_json()
    for name in (name for name in objective.stage.trains if name in model.file_names):
        write_module(folder / f"{prefix}{model.file_names[name]}", objective.networks[name], spec)
    if objective.adversary is not None and not prefix:
        path = folder / OFFICIAL_DISCRIMINATORS[objective.stage.name]
        write_module(path, objective.adversary.discriminator, spec)
