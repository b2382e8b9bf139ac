"""The processes of a run: alone, or several that torchrun has started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as distributed

from grain_codec.errors import WrongModel

LONGEST_WAIT = timedelta(days=1)
"""How long the others wait for the first process, which alone validates."""


@contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """The device of this process, joined with the others while the context lasts.

    Args:
        device: "auto" takes a GPU when there is one; with torchrun, "cpu" or any GPU.

    Raises:
        WrongModel: there is no such device.
    """
    if "WORLD_SIZE" not in os.environ:
        yield usable_device(device)
        return
    on_gpu = torch.cuda.is_available() and device != "cpu"
    place = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=LONGEST_WAIT)
    try:
        yield place
    finally:
        distributed.destroy_process_group()


def usable_device(device: str) -> torch.device:
    """The device of a name, "auto" for a GPU when there is one; raises WrongModel when there is no such device."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise WrongModel(f"device {device!r} is not usable: {str(error).splitlines()[0]}") from error
    return place


def share() -> tuple[int, int]:
    """This process's number and the number of processes."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def is_first() -> bool:
    """Whether this is the process that reports and writes."""
    return share()[0] == 0
