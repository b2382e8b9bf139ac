"""The choice of the device and the precision that torch computes with."""

import os
from functools import lru_cache

import torch

from grain_codec.errors import WrongModel


def pick_device(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU when there is one.

    Raises:
        WrongModel: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise WrongModel(f"device {name!r} is not usable: {str(error).splitlines()[0]}") from error
    return device


def check_precision(precision: str, device: torch.device) -> None:
    """Refuses a precision that the device would only imitate, many times slower.

    Raises:
        WrongModel: the device has no arithmetic of it.
    """
    # The question that torch itself asks before it hands a convolution in bfloat16 to its library.
    if precision == "bfloat16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise WrongModel("this processor does not compute in bfloat16")


@lru_cache(maxsize=1)
def compute_after_forks() -> None:
    """Lets forked processes compute with one thread each.

    The threads that OpenMP keeps for torch do not survive a fork, but the forked process would wait for them.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
