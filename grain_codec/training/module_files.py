"""The files that carry trained modules from one stage to the next, in the layout of the official program.

A file is `{"state_dict": ..., "opts": {...}}`. A module's buffer MEAN_CODE, the mean code of a generator, lies beside
the state dict as it does in official files of generators.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_tensors
from grain_codec.training.training_state import write_state

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


def load_state(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
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
