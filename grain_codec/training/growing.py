"""Starts a larger network as the function that a smaller, trained one computes."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def grow_from(module: nn.Module, smaller: dict[str, Tensor]) -> None:
    """Sets a fresh module to what a smaller module of the same kind computes.

    A tensor keeps the smaller module's values in its leading rows and columns. What the old rows would take from
    the new columns is zero, so the new channels change nothing at first; the new rows keep their random values, so
    that they have something to offer once training lets them in. Blocks that the smaller module lacks must start
    as the identity, which `ResidualBlock` does.

    Args:
        module: a fresh module, every tensor at least as large as its namesake in `smaller`.
        smaller: the state of the smaller module.
    """
    state = module.state_dict()
    for name, old in smaller.items():
        new = state[name]
        if new.shape != old.shape:
            new[: len(old)] = 0
        new[tuple(map(slice, old.shape))] = old
