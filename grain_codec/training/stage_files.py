"""The files that carry trained modules from one stage to the next, in the layout of the official program.

A file is `{"state_dict": ..., "opts": {...}}`. That of the prior also has `latent_avg`, the generator's
mean code, so that later stages need no other file. Official files are read as well: there the
generator and its mean code come in a file of their own.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.tensor_files import read_content, read_tensors
from grain_codec.training.training_state import write_state

STATE_KEYS = ("state_dict", "state_dict1", "state_dict2", "state_dict3", "d", "g_ema")
"""Where official files of one stage or another keep the state of a module."""

OFFICIAL_NAMES = {"rescaling": "invRRDB_model.pt", "prior": "codeStyleGAN_model.pt", "fusion": "Fusion_model.pt"}
OFFICIAL_DISCRIMINATORS = {
    "rescaling": "invRRDB_dis.pt",
    "prior": "codeStyleGAN_dis.pt",
    "fusion": "Fusion_dis.pt",
    "finetune": "finetune_dis.pt",
}

MEAN_CODE = "latent_avg"
NOT_LEARNT = ("noises.", ".kernel")
"""Parts of the names of a generator's tensors that its file may lack."""


def write_module(path: Path, module: nn.Module, spec_json: str) -> None:
    """Writes the file of one module, whole or not at all; the spec goes into `opts`."""
    state = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    mean_code = state.pop(MEAN_CODE, None)
    content = {"state_dict": state, "opts": {"spec": spec_json}}
    if mean_code is not None:
        content[MEAN_CODE] = mean_code
    write_state(path, content)


def load_module(module: nn.Module, path: Path) -> None:
    """Puts the state in a file, of ours or an official one, into a module.

    Raises:
        WrongModel: the file cannot be read, or is of another module or size; the text names it.
    """
    _load(module, read_tensors(path, *STATE_KEYS), path)


def load_generator(prior: GenerativePrior, path: Path) -> None:
    """Puts a pretrained generator, `{"g_ema": ..., "latent_avg": ...}`, into the prior module.

    Raises:
        WrongModel: the file cannot be read, lacks the mean code, or is of a generator of another size.
    """
    tensors = read_tensors(path, "g_ema")
    own = prior.decoder.state_dict()
    kept = {name: own[name] for name in own if name not in tensors and any(part in name for part in NOT_LEARNT)}
    _load(prior.decoder, {**kept, **tensors}, path)
    _load_mean_code(prior, read_content(path), path)


def load_prior(prior: GenerativePrior, path: Path, generator: Path | None) -> None:
    """Puts a trained prior module in place.

    Args:
        path: its file. The generator in it is the one that its code encoder was trained with.
        generator: the generator's own file, for a prior file without the mean code, as official ones are.

    Raises:
        WrongModel: a file cannot be read or is of another size, or the mean code is in neither.
    """
    tensors = {name: value for name, value in read_tensors(path, *STATE_KEYS).items() if name != MEAN_CODE}
    own = prior.state_dict()
    if generator is not None:
        load_generator(prior, generator)
        tensors = {name: value for name, value in tensors.items() if name.startswith("encoder.")}
        tensors.update({name: value for name, value in prior.state_dict().items() if name.startswith("decoder.")})
    else:
        _load_mean_code(prior, read_content(path), path)
    if MEAN_CODE in own:
        tensors[MEAN_CODE] = prior.latent_avg
    _load(prior, tensors, path)


def _load_mean_code(prior: GenerativePrior, content: dict, path: Path) -> None:
    mean_code = content.get(MEAN_CODE)
    if not isinstance(mean_code, Tensor) or mean_code.numel() != prior.latent_avg.numel():
        raise WrongModel(f"{path}: the generator's mean code {MEAN_CODE} is missing or of another length")
    with torch.no_grad():
        prior.latent_avg.copy_(mean_code.reshape(prior.latent_avg.shape))


def _load(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise WrongModel(f"{path}: not the weights of this module: {reason[:300]}") from error
