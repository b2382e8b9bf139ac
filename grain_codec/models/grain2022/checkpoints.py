"""Imports the official checkpoints of the published model as the tensors of a weights file.

The files of the three modules have their state under `state_dict`, or under `state_dict1`, `state_dict2` and
`state_dict3` when the last training stage has saved them. The generator's file has the layout of the rosinality
implementation, `{"g_ema": ..., "latent_avg": ...}`. Names may begin with `module.`, as they do after training on
several GPUs. Nothing in a file is run: only tensors and plain values are read.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.spec import read_fields
from grain_codec.models.tensor_files import check_tensors, read_content, state_in

OFFICIAL_FOLDER = "pretrained_models"
STATE_KEYS = ("state_dict", "state_dict1", "state_dict2", "state_dict3")
GENERATOR_KEY = "g_ema"
MEAN_CODE = "latent_avg"


@dataclass(frozen=True)
class Checkpoints:
    """Paths of the files; None stands for a file that the user does not have."""

    invrrdb: Path | None = None  # The rescaling module.
    codestylegan: Path | None = None  # The prior module; its generator is used where `stylegan` is None.
    fusion: Path | None = None  # The fusion module.
    stylegan: Path | None = None  # The pretrained generator, with its mean code.


OFFICIAL_NAMES = {
    "invrrdb": ("invRRDB_model.pt", "best_invRRDB_model.pt"),
    "codestylegan": ("codeStyleGAN_model.pt", "best_codeStyleGAN_model.pt"),
    "fusion": ("Fusion_model.pt", "best_Fusion_model.pt"),
    "stylegan": ("stylegan2-ffhq-config-f.pt",),
}
"""Each file's name as it is published, and as the last training stage saves it."""


def find_checkpoints(folder: Path) -> Checkpoints:
    """The files with official names in a folder, or in `pretrained_models` in it. Raises WrongModel: there is none."""
    for place in (folder, folder / OFFICIAL_FOLDER):
        found = {
            kind: next((place / name for name in names if (place / name).is_file()), None)
            for kind, names in OFFICIAL_NAMES.items()
        }
        if any(found.values()):
            return Checkpoints(**found)
    names = ", ".join(names[0] for names in OFFICIAL_NAMES.values())
    raise WrongModel(f"{folder}: none of the official files is here: {names}")


def import_checkpoints(
    files: Checkpoints, spec: Grain2022Spec | None = None
) -> tuple[Grain2022Spec, dict[str, npt.NDArray[np.float32]]]:
    """Reads the files.

    Args:
        files: any that make a model, or the generator's alone, which is of use in training.
        spec: sizes of the model; None takes those in a file's `opts`, and else those of the published one.

    Returns:
        The spec, and the tensors `networks.*` of the modules that there are files for. With the generator's file
        alone, the spec has the name NAME-generator.

    Raises:
        WrongModel: a file cannot be read, or one is missing without which the others make no model; or a tensor
            is missing, unknown or of another shape. The text names the file and the tensor.
    """
    paths = {kind: path for kind, path in vars(files).items() if path is not None}
    _check_completeness(set(paths))
    contents = {kind: read_content(path) for kind, path in paths.items()}
    spec = spec or _spec_of(contents.values())
    if set(paths) == {"stylegan"}:
        spec = replace(spec, name=f"{spec.name}-generator")
    with torch.device("meta"):
        blueprint = Grain2022(spec).state_dict()
    tensors: dict[str, Tensor] = {}
    for kind, content in contents.items():
        for prefix, found in tensors_in(kind, content, paths[kind], "stylegan" in paths, spec.code_channels).items():
            wanted = {name.removeprefix(prefix): value for name, value in blueprint.items() if name.startswith(prefix)}
            check_tensors(found, wanted, str(paths[kind]))
            tensors.update((prefix + name, value) for name, value in found.items())
    return spec, {f"networks.{name}": value.detach().float().numpy() for name, value in tensors.items()}


def tensors_in(
    kind: str, content: Mapping[str, Any], path: Path, generator_apart: bool, code_channels: int
) -> dict[str, dict[str, Tensor]]:
    """The tensors in a file's content, by the prefix that turns their names into those of the networks' tensors.

    Args:
        kind: a field of `Checkpoints`.
        content: what `read_content` gave.
        path: the file's path, for the text of the error.
        generator_apart: whether the generator is taken from its own file.
        code_channels: length of the generator's mean code.

    Raises:
        WrongModel: the file has no tensors, or not the mean code that it should have.
    """
    keys = (GENERATOR_KEY,) if kind == "stylegan" else STATE_KEYS
    state = state_in(content, path, *keys)
    state.pop(MEAN_CODE, None)
    if kind == "stylegan":
        return {"prior.decoder.": state, "prior.latent_avg": {"": _mean_code(content, code_channels, path)}}
    if kind == "codestylegan" and generator_apart:
        # The codes were trained with the pretrained generator, which its own file has together with its mean code.
        codes = {name: value for name, value in state.items() if not name.startswith("decoder.")}
        return {"prior.encoder.": {name.removeprefix("encoder."): value for name, value in codes.items()}}
    if kind == "codestylegan":
        return {"prior.": {**state, MEAN_CODE: _mean_code(content, code_channels, path)}}
    return {"rescaling." if kind == "invrrdb" else "fusion.": state}


def _mean_code(content: Mapping[str, Any], code_channels: int, path: Path) -> Tensor:
    """The generator's mean code, `[code_channels]`."""
    found = content.get(MEAN_CODE)
    if not isinstance(found, Tensor):
        raise WrongModel(f"{path}: lacks {MEAN_CODE}, which the generator's own file has")
    check_tensors({MEAN_CODE: found.squeeze()}, {MEAN_CODE: torch.empty(code_channels)}, str(path))
    return found.squeeze()


def _spec_of(contents: Collection[Mapping[str, Any]]) -> Grain2022Spec:
    """The spec in a file of our own training; official files have none, and are of the published sizes."""
    for content in contents:
        options = content.get("opts")
        text = options.get("spec") if isinstance(options, Mapping) else None
        if isinstance(text, str) and read_fields(text).get("family") == Grain2022Spec.family:
            return Grain2022Spec.from_json(text)
    return Grain2022Spec()


def _check_completeness(kinds: set[str]) -> None:
    """Refuses sets of files that make no model, except for the generator's file alone."""
    if kinds == {"stylegan"}:
        return
    if "invrrdb" not in kinds:
        raise WrongModel(f"the rescaling module's file is missing, {OFFICIAL_NAMES['invrrdb'][0]}")
    if "codestylegan" not in kinds and kinds != {"invrrdb"}:
        raise WrongModel(f"the prior module's file is missing, {OFFICIAL_NAMES['codestylegan'][0]}")
