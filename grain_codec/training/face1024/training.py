"""How face-1024 is trained and exported."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.models.face1024.thumbnail import thumbnail_steps
from grain_codec.ops.devices import pick_device
from grain_codec.training.face1024.drawing_stage import FILE_NAMES, DrawingStage, PriorStage, base_weights
from grain_codec.training.face1024.rescaling_stage import RescalingObjective, RescalingStage
from grain_codec.training.face1024.tables import anchor_qualities, fit_tables
from grain_codec.training.family import TrainingFamily
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.settings import ExportSettings, LossSettings, ModuleFiles, RunSettings, UnusableSettings
from grain_codec.training.stages import STAGES
from grain_codec.training.state_files import load_averaged, load_module
from grain_codec.weights import find_model, network_tensors, read_model, write_model

_DRAWING = tuple(f"networks.{name}." for name in FILE_NAMES)

_OF_DRAWING_STAGES = {
    *(field.name for kind in (LossSettings, ModuleFiles) for field in fields(kind)),
    "discriminator_weights",
    "drawn_faces",
    "official_noise",
} - {"exp_dir"}


_OF_WINDOW_STAGES = {*(field.name for field in fields(LossSettings)), "discriminator_weights", "flips"}


class Face1024Training(TrainingFamily[Face1024Spec]):
    """The rescaling stage minimises bits and squared error; the others draw on what it has left."""

    def refused_options(self, stage: str) -> Mapping[str, str]:
        """See `TrainingFamily.refused_options`."""
        if stage == "rescaling":
            reason = "is not for this stage of face-1024, which has a loss of its own"
            return dict.fromkeys(_OF_DRAWING_STAGES, reason)
        refused = dict.fromkeys(("official_noise", "lr", "square"), "is for grain-2022")
        if stage == "prior":
            return refused | dict.fromkeys(_OF_WINDOW_STAGES, "is not for this stage, which learns from drawn faces")
        return refused | dict.fromkeys(("generator_weights", "drawn_faces"), "is for the stage of the prior")

    def stage_run(self, stage: str, spec: Face1024Spec, settings: RunSettings) -> StageRun[Any, Any]:
        """See `TrainingFamily.stage_run`."""
        if stage == "rescaling":
            return RescalingStage(spec, settings)
        if stage == "prior":
            return PriorStage(STAGES[stage], spec, settings)
        return DrawingStage(STAGES[stage], spec, settings)

    def export(self, spec: Face1024Spec, settings: ExportSettings, tell: Tell) -> Path:
        """See `TrainingFamily.export`: a rescaling module with new tables where there are faces to fit them to."""
        if settings.data:
            return _export_rescaling(spec, settings, tell)
        return _export_drawing(spec, settings)


def _export_rescaling(spec: Face1024Spec, settings: ExportSettings, tell: Tell) -> Path:
    """Writes the averaged weights of a checkpoint, with tables fitted to faces, and returns the path.

    Raises:
        UnusableSettings: nothing says where the checkpoint is.
        GrainError: a file or a face is not usable, or there is no such device.
    """
    checkpoint, exp_dir = settings.checkpoint, settings.modules.exp_dir
    if checkpoint is None:
        if exp_dir is None:
            raise UnusableSettings("face-1024 needs --checkpoint or --exp-dir.")
        checkpoint = exp_dir / "rescaling" / "state.pt"
    device = pick_device(settings.device)
    networks = Face1024(replace(spec, drawing=None))
    load_averaged(RescalingObjective(networks.rescaling), checkpoint)
    # The tables are fitted to what the weights say after they have been stored in float16.
    networks = networks.half().float().to(device).eval()
    views = torch.from_numpy(read_face_set(list(settings.data), spec.view_size))
    chosen = views[torch.randperm(len(views), generator=torch.Generator().manual_seed(0))[: settings.faces]]
    tell(f"fitting the tables to {len(chosen)} faces")
    levels = [_levels_at(networks.rescaling, chosen, quality, device) for quality in anchor_qualities(spec)]
    tables = fit_tables([thumbnail for thumbnail, _ in levels], [details for _, details in levels])
    tensors = network_tensors(networks)
    tensors.update({f"tables.{name}": value for name, value in vars(tables).items()})
    tensors["tables.thumbnail_steps"] = thumbnail_steps(spec)
    if settings.drawing_from is not None:
        former = read_model(find_model(settings.drawing_from))
        spec = replace(spec, drawing=Face1024Spec.from_json(former.spec.to_json()).drawing)
        tensors.update({name: tensor for name, tensor in former.tensors.items() if name.startswith(_DRAWING)})
    else:
        spec = replace(spec, drawing=None)
    return write_model(settings.output_dir, spec, tensors, settings.origin)


def _export_drawing(spec: Face1024Spec, settings: ExportSettings) -> Path:
    """Writes a weights file with the prior and the fusion that the stages have left, and returns its path.

    The rest is that of the weights there are.

    Raises:
        UnusableSettings: a module is nowhere.
        WrongModel: a file is not usable.
    """
    modules = settings.modules
    base = read_model(base_weights(spec, modules))
    # Any model's file can be named, but only one of this family has a spec that can be read here.
    drawn = replace(Face1024Spec.from_json(base.spec.to_json()), drawing=spec.drawing or DrawingSpec())
    networks = Face1024(drawn)
    for name, file_name in FILE_NAMES.items():
        load_module(networks[name], modules.latest(name, file_name) or modules.needed(name, file_name))
    tensors = {name: tensor for name, tensor in base.tensors.items() if not name.startswith(_DRAWING)}
    trained = network_tensors(networks)
    tensors.update({name: tensor for name, tensor in trained.items() if name.startswith(_DRAWING)})
    return write_model(settings.output_dir, drawn, tensors, settings.origin)


@torch.inference_mode()
def _levels_at(
    rescaling: Rescaling, views: Tensor, quality: int, device: torch.device
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Levels of uint8 views at a fine quality, every other batch mirrored: int16 `[N, T]` and `[N, 256, C]`."""
    thumbnails, details = [], []
    for index, batch in enumerate(views.split(64)):
        image = batch.to(device).float() / 255
        image = image.flip(-1) if index % 2 else image
        step = torch.full((len(image),), rescaling.spec.detail_step(quality), device=device)
        found = rescaling.analyse(antialiased_resize(image, GRID).clamp(0, 1), image, step)
        thumbnails.append(found.thumbnail_levels.round().short().cpu().numpy())
        details.append(found.detail_levels.round().short().cpu().numpy())
    return np.concatenate(thumbnails), np.concatenate(details)
