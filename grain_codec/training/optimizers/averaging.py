"""An exponential moving average of weights.

The average of `torch.optim.swa_utils` copies the whole module, judges and frozen networks included, and starts at the
first update. This one holds the trained parameters alone and starts at the initial weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class AveragedWeights:
    """The moving average of some parameters; with a decay of zero there is none, and the parameters stand for it."""

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float):
        self.parameters, self.decay = parameters, decay
        self.values = {name: value.detach().clone() for name, value in parameters.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after a step. Early averages are short ones, so that they forget the initial weights."""
        if self.values:
            decay = min(self.decay, step / (step + 10))
            torch._foreach_lerp_([self.values[name] for name in self.parameters], self._own(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which the parameters hold the average."""
        own = [value.clone() for value in self._own()] if self.values else []
        self._put(self.values)
        try:
            yield
        finally:
            self._put(dict(zip(self.parameters, own)))

    def load(self, values: dict[str, Tensor]) -> None:
        """Puts back what was in `values`; an average that is not in there starts at the weights."""
        for name in self.values:
            self.values[name].copy_(values.get(name, self.parameters[name].detach()))

    def _own(self) -> list[Tensor]:
        return [parameter.detach() for parameter in self.parameters.values()]

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.parameters[name].copy_(value)
