"""The processes of a run: one alone, or several that torchrun has started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as distributed

from grain_codec.ops.devices import pick_device

LONGEST_WAIT = timedelta(days=1)  # How long the other processes wait for the first, which alone validates.


@contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """The device of this process, which is joined with the others while the context lasts.

    Args:
        device: "auto" takes a GPU when there is one; with torchrun, "cpu" or any GPU.

    Raises:
        WrongModel: there is no such device.
    """
    if "WORLD_SIZE" not in os.environ:
        yield pick_device(device)
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
