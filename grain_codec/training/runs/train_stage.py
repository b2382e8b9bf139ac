"""The training of one stage, whatever the family: faces in, objective, trainer, figures and files out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from grain_codec.training.runs.observer import RunObserver
from grain_codec.training.runs.processes import processes
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.trainer import Trainer
from grain_codec.whole_files import remove_abandoned


def train_stage(run: StageRun[Any, Any], tell: Tell) -> None:
    """Trains until the recipe's steps or minutes are over, from the checkpoint where there is one.

    Args:
        run: the stage.
        tell: takes lines of progress.

    Raises:
        UnusableSettings: nothing says where the run leaves its files, or something that it starts from is missing.
        GrainError: a face or a file is not usable, or there is no such device.
        OSError: a file cannot be read or written.
    """
    settings = run.settings
    state_path = settings.state_path(run.stage_name)
    with processes(settings.device) as device:
        faces, validation_faces = run.read_faces()
        tell(f"{len(faces)} training faces, {len(validation_faces)} validation faces, on {device}")
        torch.manual_seed(settings.seed)
        objective = run.build_objective(faces, state_path.exists(), tell)
        trainer = Trainer(objective, replace(run.recipe, **settings.recipe), device, state_path)
        torch.manual_seed(settings.seed + 1000 * trainer.rank + trainer.step)
        observer = None
        if trainer.rank == 0:
            # What a killed run has left half written.
            remove_abandoned(str(state_path.parent), time.time())
            observer = RunObserver(run, trainer, validation_faces, tell)
        trainer.run(run.batches(faces, trainer), observer)
