"""Tensors in files of others and of our own: safetensors, and PyTorch files that are read without running them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from grain_codec.errors import WrongModel

PARALLEL_PREFIX = "module."
"""What training on several GPUs puts before the names of tensors."""


def read_content(path: Path, device: torch.device | str = "cpu") -> dict:
    """The dictionary in a file; a pickle of anything but tensors and plain values is refused.

    Raises:
        WrongModel: there is no such file, or it is of another kind; the text names it.
    """
    try:
        if path.suffix == ".safetensors":
            content = load_file(str(path), str(device))
        else:
            content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # damaged files make torch raise nearly anything, even struct.error and IndexError
        reason = (str(error) or "it ends too early").splitlines()[0]
        raise WrongModel(f"{path}: not a readable file of tensors: {reason}") from error
    if not isinstance(content, dict) or not content:
        raise WrongModel(f"{path}: holds no tensors")
    return content


def read_tensors(path: Path, *nested: str) -> dict[str, Tensor]:
    """The state dict in a file, in float32; integers as they are. Names lose PARALLEL_PREFIX.

    Args:
        nested: keys that it may lie under, the first that is there; else it is the whole file.

    Raises:
        WrongModel: there is no such file, or it is of another kind; the text names it.
    """
    content = read_content(path)
    inner = next((content[key] for key in nested if isinstance(content.get(key), dict)), content)
    tensors = {
        str(name).removeprefix(PARALLEL_PREFIX): value for name, value in inner.items() if isinstance(value, Tensor)
    }
    if not tensors:
        raise WrongModel(f"{path}: holds no tensors")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
