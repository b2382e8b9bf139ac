"""The files that training leaves: checkpoints of runs, and trained modules for the stages that follow.

The file of a module has the layout of the official program, `{"state_dict": ..., "opts": {...}}`. A module's buffer
MEAN_CODE, the mean code of a generator, lies beside the state dict as it does in official files of generators.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_content, read_tensors
from grain_codec.training.objectives import Objective
from grain_codec.whole_files import whole_file

STATE_KEYS = ("state_dict", "state_dict1", "state_dict2", "state_dict3", "d", "g_ema")
"""Where official files of one stage or another keep the state of a module."""

OFFICIAL_DISCRIMINATORS = {
    "rescaling": "invRRDB_dis.pt",
    "prior": "codeStyleGAN_dis.pt",
    "fusion": "Fusion_dis.pt",
    "finetune": "finetune_dis.pt",
}
"""The file of each stage's discriminator."""

MEAN_CODE = "latent_avg"


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


def write_module(path: Path, module: nn.Module, spec_json: str) -> None:
    """Writes the file of one module, whole or not at all; the spec goes into `opts`."""
    state = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    beside = {name: state.pop(name) for name in (MEAN_CODE,) if name in state}
    write_state(path, {"state_dict": state, "opts": {"spec": spec_json}, **beside})


def load_module(module: nn.Module, path: Path) -> None:
    """Puts the state in a file, of ours or an official one, into a module.

    Raises:
        WrongModel: the file cannot be read, or is of another module or size; the text names it.
    """
    load_state(module, read_tensors(path, *STATE_KEYS), path)


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Puts tensors into a module.

    Args:
        path: where they come from, for the text of the error.

    Raises:
        WrongModel: they are of another module or size.
    """
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise WrongModel(f"{path}: not the weights of this module: {reason[:300]}") from error
