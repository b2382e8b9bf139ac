"""The run behind `grain-train rescaling` for face-1024: data in, objective, trainer, figures out."""

from __future__ import annotations

from collections.abc import Iterator

import click
import torch
from torch import Tensor

from grain_codec.cli.training_options import RunOptions
from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import build_networks
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.data import batches
from grain_codec.training.face1024.closed_form import fit_closed_form
from grain_codec.training.objectives import RescalingObjective
from grain_codec.training.run_log import RunLog
from grain_codec.training.runs.observer import RunObserver
from grain_codec.training.runs.processes import is_first, processes
from grain_codec.training.runs.sheets import contact_sheet, to_pixels
from grain_codec.training.trainer import Recipe, Trainer
from grain_codec.weights import find_model, load_networks, read_model

VALIDATION_QUALITIES = (8, 24, 36)
SHOWN_FACES = 8
STAGE = "rescaling"
BATCH_SIZE = 16
RECIPE = Recipe(steps=0, learning_rate=3e-3, schedule="cosine", optimizer="adam", checkpoint_every=500)
"""How this module is trained, but for what the user asks otherwise."""


def train_rescaling(options: RunOptions, spec: Face1024Spec, start: str | None, cell_rate: float) -> None:
    """Trains the rescaling module of face-1024; see `grain-train rescaling --help`."""
    with processes(options.device) as place:
        views = torch.from_numpy(read_face_set(list(options.data), spec.view_size))
        validation_views = torch.from_numpy(read_face_set(list(options.validation), spec.view_size))
        click.echo(f"{len(views)} training faces, {len(validation_views)} validation faces, on {place}")
        torch.manual_seed(options.seed)
        state_path = options.state_path(STAGE)
        objective = RescalingObjective(build_networks(spec)["rescaling"], cell_rate)
        if not state_path.exists():
            _start(objective, views, start)
        trainer = Trainer(objective, options.applied_to(RECIPE), place, state_path)
        generator = torch.Generator().manual_seed(options.seed + 1000 * trainer.rank + trainer.step)
        data = _rescaling_batches(views.to(place), options.batch_size or BATCH_SIZE, objective, generator)
        trainer.run(data, _observer(options, trainer, validation_views.to(place).float() / 255))


def _start(objective: RescalingObjective, views: Tensor, start: str | None) -> None:
    """The weights that a fresh run has: of a model, or the closed-form solution."""
    if start is None:
        click.echo("fitting the closed-form start")
        fit_closed_form(objective.rescaling, views)
    else:
        shipped = load_networks(read_model(find_model(start)))["rescaling"]
        objective.rescaling.load_state_dict(shipped.state_dict())
    objective.start_scales(views[:: max(1, len(views) // 512)].float() / 255)


def _rescaling_batches(
    views: Tensor, batch_size: int, objective: RescalingObjective, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of augmented views with a random quantiser step each."""
    for batch in batches(views, batch_size, generator):
        yield batch, objective.random_steps(len(batch), generator)


def _observer(options: RunOptions, trainer: Trainer, views: Tensor) -> RunObserver | None:
    """What the first process tells; the others tell nothing."""
    if not is_first():
        return None
    folder = options.folder(STAGE)
    log = folder / "log.csv" if folder else trainer.checkpoint.with_suffix(".csv")
    rescaling = trainer.objective.rescaling
    return RunObserver(
        RunLog(log, trainer.step),
        lambda: _validation_figures(trainer.objective, views),
        lambda: _sheet(rescaling, views[:SHOWN_FACES]),
        folder / "sheets" if folder else None,
    )


@torch.no_grad()
def _validation_figures(objective: RescalingObjective, views: Tensor) -> dict[str, float]:
    """Loss, PSNR of the view and bytes of the details on the validation faces, at three qualities."""
    found = {}
    for quality in VALIDATION_QUALITIES:
        step = torch.full((len(views),), objective.rescaling.spec.detail_step(quality), device=views.device)
        loss, figures, *_ = objective(views, step)
        found[f"quality {quality} loss"] = float(loss)
        found[f"quality {quality} psnr"] = float(figures["psnr"])
        found[f"quality {quality} bytes"] = float(figures["bits"]) / 8
    return found


@torch.no_grad()
def _sheet(rescaling: Rescaling, views: Tensor) -> bytes:
    """The faces, their thumbnails and what comes back at three qualities."""
    thumbnails = antialiased_resize(views, GRID).clamp(0, 1)
    columns = {"face": views, "thumbnail": thumbnails}
    for quality in VALIDATION_QUALITIES:
        step = torch.full((len(views),), rescaling.spec.detail_step(quality), device=views.device)
        columns[f"fine quality {quality}"] = rescaling.analyse(thumbnails, views, step).view
    return contact_sheet({caption: to_pixels(pictures * 2 - 1) for caption, pictures in columns.items()})
