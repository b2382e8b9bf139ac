"""The files of the prior module and its generator, our own and official ones.

Our file of the prior has the generator and the generator's mean code, so that later stages need no other file.
The official program keeps those two in a file of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.tensor_files import read_content, read_tensors
from grain_codec.training.state_files import MEAN_CODE, STATE_KEYS, load_state

OFFICIAL_NAMES = {"rescaling": "invRRDB_model.pt", "prior": "codeStyleGAN_model.pt", "fusion": "Fusion_model.pt"}
"""The file of each module."""

NOT_LEARNT = ("noises.", ".kernel")
"""Parts of the names of a generator's tensors that its file may lack."""


def load_generator(prior: GenerativePrior, path: Path) -> None:
    """Puts a pretrained generator, `{"g_ema": ..., "latent_avg": ...}`, into the prior module.

    Raises:
        WrongModel: the file cannot be read, lacks the mean code, or is of a generator of another size.
    """
    tensors = read_tensors(path, "g_ema")
    own = prior.decoder.state_dict()
    kept = {name: own[name] for name in own if name not in tensors and any(part in name for part in NOT_LEARNT)}
    load_state(prior.decoder, {**kept, **tensors}, path)
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
    if generator is not None:
        load_generator(prior, generator)
        tensors = {name: value for name, value in tensors.items() if name.startswith("encoder.")}
        tensors.update({name: value for name, value in prior.state_dict().items() if name.startswith("decoder.")})
    else:
        _load_mean_code(prior, read_content(path), path)
    if MEAN_CODE in prior.state_dict():
        tensors[MEAN_CODE] = prior.latent_avg
    load_state(prior, tensors, path)


def _load_mean_code(prior: GenerativePrior, content: Mapping[str, Any], path: Path) -> None:
    mean_code = content.get(MEAN_CODE)
    if not isinstance(mean_code, Tensor) or mean_code.numel() != prior.latent_avg.numel():
        raise WrongModel(f"{path}: the generator's mean code {MEAN_CODE} is missing or of another length")
    with torch.no_grad():
        prior.latent_avg.copy_(mean_code.reshape(prior.latent_avg.shape))
