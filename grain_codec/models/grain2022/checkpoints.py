"""Official checkpoints of the published model -> the tensors of a weights file.

What is read: the files of the three modules, with their state under `state_dict`, or under `state_dict1`,
`state_dict2`, `state_dict3` as the last training stage saves them; and the generator's file in the layout of the
rosinality implementation, `{"g_ema": ..., "latent_avg": ...}`. Names may begin with `module.`, as they do
after training on several GPUs. Nothing in a file is run: only tensors and plain values are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.networks import build_networks
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.registry import read_spec
from grain_codec.models.tensor_files import PARALLEL_PREFIX, read_content
from grain_codec.weights import check_tensors

OFFICIAL_FOLDER = "pretrained_models"
STATE_KEYS = ("state_dict", "state_dict1", "state_dict2", "state_dict3")
GENERATOR_KEY = "g_ema"
MEAN_CODE = "latent_avg"


@dataclass(frozen=True)
class Checkpoints:
    """Paths of the files; None for those that are not at hand.

    Attributes:
        invrrdb: of the rescaling module.
        codestylegan: of the prior module; its generator is used where `stylegan` is None.
        fusion: of the fusion module.
        stylegan: of the pretrained generator, with its mean code.
    """

    invrrdb: Path | None = None
    codestylegan: Path | None = None
    fusion: Path | None = None
    stylegan: Path | None = None


OFFICIAL_NAMES = {
    "invrrdb": ("invRRDB_model.pt", "best_invRRDB_model.pt"),
    "codestylegan": ("codeStyleGAN_model.pt", "best_codeStyleGAN_model.pt"),
    "fusion": ("Fusion_model.pt", "best_Fusion_model.pt"),
    "stylegan": ("stylegan2-ffhq-config-f.pt",),
}
"""Names of the files as they are published, and as the last training stage saves them."""


def find_checkpoints(folder: Path) -> Checkpoints:
    """The files with official names in a folder, or in `pretrained_models` in it.

    Raises:
        WrongModel: there is none.
    """
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
) -> tuple[Grain2022Spec, dict[str, np.ndarray]]:
    """Reads the files that are at hand.

    Args:
        spec: sizes of the model; None takes what a file's own `opts` say, and else those of the published one.

    Returns:
        The spec, and the tensors `networks.*` of as many modules as there are files for, in float32. The
        generator's file alone is read too; the spec has the name NAME-generator then.

    Raises:
        WrongModel: a file cannot be read, or a tensor is missing, unknown or of another shape; the text names
            it. Or a file is missing without which the others are no model.
    """
    paths = {kind: path for kind, path in vars(files).items() if path is not None}
    _check_completeness(set(paths))
    contents = {kind: read_content(path) for kind, path in paths.items()}
    spec = spec or _spec_of(contents.values())
    if set(paths) == {"stylegan"}:
        spec = replace(spec, name=f"{spec.name}-generator")
    with torch.device("meta"):
        blueprint = build_networks(spec).state_dict()
    tensors: dict[str, Tensor] = {}
    for kind, content in contents.items():
        for prefix, found in _parts(kind, content, "stylegan" in paths, spec, paths[kind]):
            wanted = {name.removeprefix(prefix): value for name, value in blueprint.items() if name.startswith(prefix)}
            check_tensors(found, wanted, str(paths[kind]))
            tensors.update((prefix + name, value) for name, value in found.items())
    return spec, {f"networks.{name}": value.detach().float().numpy() for name, value in tensors.items()}


def _parts(
    kind: str, content: dict, generator_apart: bool, spec: Grain2022Spec, path: Path
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """What a file has for the networks: tensors, and where they belong as a prefix of their names."""
    state = _state(content, GENERATOR_KEY if kind == "stylegan" else None, path)
    if kind == "stylegan":
        yield "prior.decoder.", state
        yield "prior.latent_avg", {"": _mean_code(content, spec, path)}
    elif kind == "codestylegan" and generator_apart:
        # The codes were trained with the pretrained generator; its own file has it with its mean code.
        yield (
            "prior.encoder.",
            {name.removeprefix("encoder."): value for name, value in state.items() if not name.startswith("decoder.")},
        )
    elif kind == "codestylegan":
        yield "prior.", {**state, MEAN_CODE: _mean_code(content, spec, path)}
    else:
        yield ("rescaling." if kind == "invrrdb" else "fusion."), state


def _state(content: dict, key: str | None, path: Path) -> dict[str, Tensor]:
    """The state dict in a file's content, without what training on several GPUs puts before its names.

    Args:
        key: what it lies under; None for one of STATE_KEYS, or for a file that is nothing else.
    """
    keys = STATE_KEYS if key is None else (key,)
    inner = next((content[key] for key in keys if isinstance(content.get(key), Mapping)), content)
    state = {
        str(name).removeprefix(PARALLEL_PREFIX): value
        for name, value in inner.items()
        if isinstance(value, Tensor) and name != MEAN_CODE
    }
    if not state:
        raise WrongModel(f"{path}: holds no state dict")
    return state


def _mean_code(content: dict, spec: Grain2022Spec, path: Path) -> Tensor:
    """The generator's mean code, `[code_channels]`."""
    found = content.get(MEAN_CODE)
    if not isinstance(found, Tensor):
        raise WrongModel(f"{path}: lacks {MEAN_CODE}, which the generator's own file has")
    check_tensors({MEAN_CODE: found.squeeze()}, {MEAN_CODE: torch.empty(spec.code_channels)}, str(path))
    return found.squeeze()


def _spec_of(contents: Collection[dict]) -> Grain2022Spec:
    """The spec that a file of our own training states; official files state none."""
    for content in contents:
        options = content.get("opts")
        if isinstance(options, Mapping) and isinstance(options.get("spec"), str):
            spec = read_spec(options["spec"])
            if isinstance(spec, Grain2022Spec):
                return spec
    return Grain2022Spec()


def _check_completeness(kinds: set[str]) -> None:
    """Refuses sets of files that make no model; the generator's alone is something by itself."""
    if kinds == {"stylegan"}:
        return
    if "invrrdb" not in kinds:
        raise WrongModel(f"the rescaling module's file is missing, {OFFICIAL_NAMES['invrrdb'][0]}")
    if "codestylegan" not in kinds and kinds != {"invrrdb"}:
        raise WrongModel(f"the prior module's file is missing, {OFFICIAL_NAMES['codestylegan'][0]}")
