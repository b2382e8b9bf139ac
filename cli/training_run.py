"""The runs behind grain-train: data in, objective, trainer, figures out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
import torch.distributed as distributed
from torch import Tensor

from grain_codec.formats.face_sets import read_face_set
from grain_codec.low_resolution import thumbnail_steps
from grain_codec.model.blocks import antialiased_resize
from grain_codec.model.grain import build_networks
from grain_codec.model.rescaling import Rescaling
from grain_codec.spec import GRID, ModelSpec
from grain_codec.training.closed_form import fit_closed_form
from grain_codec.training.data import batches
from grain_codec.training.objectives import RescalingObjective
from grain_codec.training.tables import anchor_qualities, fit_tables
from grain_codec.training.trainer import Recipe, Trainer, load_averaged
from grain_codec.weights import find_model, load_networks, network_tensors, read_model, write_model

VALIDATION_QUALITIES = (8, 24, 36)


def train_rescaling(
    sources: list[Path],
    checkpoint: Path,
    validation: Path,
    start: str | None,
    steps: int,
    minutes: float,
    batch_size: int,
    learning_rate: float,
    cell_rate: float,
    checkpoint_every: int,
    device: str,
    compile: bool,
    seed: int,
) -> None:
    """Trains the rescaling module; see `grain-train rescaling --help`."""
    place = _join_processes(device)
    spec = ModelSpec()
    views = torch.from_numpy(read_face_set(sources, spec.view_size))
    validation_views = torch.from_numpy(read_face_set([validation], spec.view_size)).to(place).float() / 255
    click.echo(f"{len(views)} training faces, {len(validation_views)} validation faces, on {place}")
    torch.manual_seed(seed)
    module = Rescaling(spec)
    objective = RescalingObjective(module)
    if not checkpoint.exists():
        if start is None:
            click.echo("fitting the closed-form start")
            fit_closed_form(module, views)
        else:
            module.load_state_dict(load_networks(read_model(find_model(start)))["rescaling"].state_dict())
        objective.start_scales(views[:: max(1, len(views) // 512)].float() / 255)
    recipe = Recipe(
        steps=steps,
        minutes=minutes,
        learning_rate=learning_rate,
        cell_rate=cell_rate,
        checkpoint_every=checkpoint_every,
        compile=compile,
    )
    trainer = Trainer(objective, recipe, place, checkpoint)
    generator = torch.Generator().manual_seed(seed + 1000 * trainer.rank + trainer.step)
    trainer.run(
        _rescaling_batches(views.to(place), batch_size, objective, generator),
        click.echo,
        lambda: _validation_figures(objective, validation_views),
    )
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _rescaling_batches(
    views: Tensor, batch_size: int, objective: RescalingObjective, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of augmented views with a random quantiser step each."""
    for batch in batches(views, batch_size, generator):
        yield batch, objective.random_steps(len(batch), generator)


def export_model(
    sources: list[Path], checkpoint: Path, output_dir: Path, faces: int, origin: str, device: str
) -> None:
    """Writes the averaged weights of a checkpoint as the file that the codec loads; see `grain-train export --help`."""
    place = _join_processes(device)
    spec = ModelSpec()
    networks = build_networks(spec)
    objective = RescalingObjective(networks["rescaling"])
    load_averaged(objective, checkpoint)
    networks = networks.half().float().to(place).eval()
    views = torch.from_numpy(read_face_set(sources, spec.view_size))
    chosen = views[torch.randperm(len(views), generator=torch.Generator().manual_seed(0))[:faces]]
    click.echo(f"fitting the tables to {len(chosen)} faces")
    levels = [_levels_at(networks["rescaling"], chosen, quality, place) for quality in anchor_qualities(spec)]
    tables = fit_tables([thumbnail for thumbnail, _ in levels], [details for _, details in levels])
    tensors = network_tensors(networks)
    tensors.update({f"tables.{name}": value for name, value in vars(tables).items()})
    tensors["tables.thumbnail_steps"] = thumbnail_steps(spec)
    click.echo(f"written {write_model(output_dir, spec, tensors, origin)}")


@torch.inference_mode()
def _levels_at(rescaling: Rescaling, views: Tensor, quality: int, place: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """Levels of uint8 views and of their mirror images, alternately mirrored: int16 `[N, T]` and `[N, 256, C]`."""
    thumbnails, details = [], []
    for index, batch in enumerate(views.split(64)):
        image = batch.to(place).float() / 255
        image = image.flip(-1) if index % 2 else image
        step = torch.full((len(image),), rescaling.spec.detail_step(quality), device=place)
        found = rescaling.analyse(antialiased_resize(image, GRID).clamp(0, 1), image, step)
        thumbnails.append(found.thumbnail_levels.round().short().cpu().numpy())
        details.append(found.detail_levels.round().short().cpu().numpy())
    return np.concatenate(thumbnails), np.concatenate(details)


@torch.no_grad()
def _validation_figures(objective: RescalingObjective, views: Tensor) -> str:
    """Loss, PSNR of the view and bytes of the details on the validation faces, at three qualities."""
    texts = []
    for quality in VALIDATION_QUALITIES:
        step = torch.full((len(views),), objective.rescaling.spec.detail_step(quality), device=views.device)
        loss, figures = objective(views, step)
        size = float(figures["bits"]) / 8
        texts.append(f"quality {quality}: loss {float(loss):.4f} psnr {float(figures['psnr']):.2f} bytes {size:.1f}")
    return "  ".join(texts)


def _join_processes(device: str) -> torch.device:
    """The device of this process; joins the others when started through torchrun."""
    has_gpu = torch.cuda.is_available()
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("nccl" if has_gpu and device != "cpu" else "gloo")
        if has_gpu and device != "cpu":
            place = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(place)
            return place
        return torch.device("cpu")
    if device == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    return torch.device(device)
