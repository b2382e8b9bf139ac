"""The weights file that the codec loads, made of what training has left."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from grain_codec.cli.training_options import StartOptions
from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import build_networks
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.thumbnail import thumbnail_steps
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.training.face1024.tables import anchor_qualities, fit_tables
from grain_codec.training.objectives import RescalingObjective
from grain_codec.training.runs.face1024 import add_drawing
from grain_codec.training.runs.grain2022 import trained_networks
from grain_codec.training.runs.processes import usable_device
from grain_codec.training.training_state import load_averaged
from grain_codec.weights import network_tensors, write_model


def export_grain2022(
    spec: Grain2022Spec, exp_dir: Path | None, starts: StartOptions, output_dir: Path, origin: str
) -> None:
    """Writes the modules that the stages of grain-2022 have left; see `grain-train export --help`."""
    networks = trained_networks(spec, exp_dir, starts)
    click.echo(f"written {write_model(output_dir, spec, network_tensors(networks), origin)}")


def export_with_drawing(
    spec: Face1024Spec, exp_dir: Path | None, starts: StartOptions, output_dir: Path, strength: float, origin: str
) -> None:
    """Writes face-1024 with the prior and the fusion that the stages have left; see `grain-train export --help`."""
    click.echo(f"written {add_drawing(spec, exp_dir, starts, output_dir, strength, origin)}")


def export_face1024(
    spec: Face1024Spec, sources: list[Path], checkpoint: Path, output_dir: Path, faces: int, origin: str, device: str
) -> None:
    """Writes the averaged weights of a checkpoint of face-1024; see `grain-train export --help`."""
    place = usable_device(device)
    networks = build_networks(spec)
    load_averaged(RescalingObjective(networks["rescaling"]), checkpoint)
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
