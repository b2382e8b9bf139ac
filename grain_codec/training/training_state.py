"""The checkpoint of a training run: one file that is always whole."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_content
from grain_codec.training.objectives import Objective


def write_state(path: Path, state: dict[str, object]) -> None:
    """Writes a checkpoint; a kill or a power cut at any moment leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_averaged(objective: Objective, checkpoint: Path) -> None:
    """Puts a checkpoint's averaged weights, where it kept an average, into an objective on the CPU.

    Raises:
        WrongModel: there is no such file, or it is of another model.
    """
    state = read_content(checkpoint)
    try:
        objective.load_training_state(state["objective"])
        with torch.no_grad():
            for name, parameter in objective.named_parameters():
                if name in state["averaged"]:
                    parameter.copy_(state["averaged"][name])
    except (KeyError, RuntimeError, TypeError, WrongModel) as error:
        raise WrongModel(f"{checkpoint}: not a checkpoint of this model: {error}") from error
