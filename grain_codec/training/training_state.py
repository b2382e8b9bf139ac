"""The checkpoint of a training run: one file that is always whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_content
from grain_codec.training.objectives import Objective
from grain_codec.whole_files import whole_file


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """Writes a checkpoint and makes its folder; a kill or a power cut at any moment leaves the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, force=True, durable=True) as temporary:
        torch.save(state, temporary)


def load_averaged(objective: Objective, checkpoint: Path) -> None:
    """Puts the weights of a checkpoint into an objective on the CPU: the averaged ones, where it has an average.

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
