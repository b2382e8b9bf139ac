"""Tensors in files of others and of our own: safetensors, and PyTorch files that are read without running them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor

from grain_codec.errors import WrongModel

PARALLEL_PREFIX = "module."  # The prefix that training on several GPUs gives the names of tensors.
MOST_NAMED = 3  # Number of tensors that an error names; it counts the others.


def read_content(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The dictionary in a file; a pickle of anything but tensors and plain values is refused.

    Raises:
        WrongModel: there is no such file, or it is of another kind; the text names it.
    """
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(str(path), str(device))
        else:
            content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # damaged files make torch raise nearly anything, even struct.error and IndexError
        reason = (str(error) or "it ends too early").splitlines()[0]
        raise WrongModel(f"{path}: not a readable file of tensors: {reason}") from error
    if not isinstance(content, dict) or not content:
        raise WrongModel(f"{path}: holds no tensors")
    return content


def state_in(content: Mapping[str, Any], path: Path, *nested: str) -> dict[str, Tensor]:
    """The state dict in the content of a file, in float32; integers as they are. Names lose PARALLEL_PREFIX.

    Args:
        content: what `read_content` gave.
        path: the file's path, for the text of the error.
        nested: keys that the state dict may lie under. The first one found counts; without any, the content is
            itself the state dict.

    Raises:
        WrongModel: there are no tensors.
    """
    inner = next((content[key] for key in nested if isinstance(content.get(key), dict)), content)
    tensors = {
        str(name).removeprefix(PARALLEL_PREFIX): value for name, value in inner.items() if isinstance(value, Tensor)
    }
    if not tensors:
        raise WrongModel(f"{path}: holds no tensors")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def read_tensors(path: Path, *nested: str) -> dict[str, Tensor]:
    """The state dict in a file; see `read_content` and `state_in`.

    Raises:
        WrongModel: there is no such file, or it is of another kind; the text names it.
    """
    return state_in(read_content(path), path, *nested)


def check_tensors(
    found: Mapping[str, npt.NDArray[Any] | Tensor], wanted: Mapping[str, npt.NDArray[Any] | Tensor], source: str
) -> None:
    """Refuses tensors that are not exactly the ones wanted, by name and shape.

    Args:
        source: what they come from, for the text.

    Raises:
        WrongModel: the text names the missing ones, else those left over, else those of another shape.
    """
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    misshapen = [
        f"{name} is {list(found[name].shape)}, not {list(wanted[name].shape)}"
        for name in wanted
        if name in found and tuple(found[name].shape) != tuple(wanted[name].shape)
    ]
    for fault, names in (("lacks", missing), ("has the unknown", extra), ("has the wrong shape:", misshapen)):
        if names:
            others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            raise WrongModel(f"{source}: {fault} {', '.join(names[:MOST_NAMED])}{others}")
