"""Ranger: rectified Adam on centred gradients, with a slow copy of the weights that looks ahead.

Liu et al. 2020 ("On the variance of the adaptive learning rate and beyond", algorithm 2), Yong et al.
2020 ("Gradient centralization", equation 1) and Zhang et al. 2019 ("Lookahead optimizer", algorithm 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

RECTIFIED_FROM = 5.0
"""Length of the variance's average from which the step is adaptive."""


class Ranger(Optimizer):
    """Defaults are those of the official program of GRAIN; there is no weight decay."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        interval: int = 6,
        slow_rate: float = 0.5,
        centred: bool = True,
    ):
        """`interval` and `slow_rate` are k and alpha of Lookahead."""
        super().__init__(
            params,
            {"lr": lr, "betas": betas, "eps": eps, "interval": interval, "slow_rate": slow_rate, "centred": centred},
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Moves every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            for count, parameters in self._by_age(moved).items():
                self._move(parameters, count, group)
        return loss

    def _by_age(self, parameters: list[Tensor]) -> dict[int, list[Tensor]]:
        """Parameters by the number of the step that is theirs now; makes the state of new ones."""
        ages: dict[int, list[Tensor]] = {}
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = 0
                state["mean"] = torch.zeros_like(parameter)
                state["square"] = torch.zeros_like(parameter)
                state["slow"] = parameter.detach().clone()
            state["step"] += 1
            ages.setdefault(state["step"], []).append(parameter)
        return ages

    def _move(self, parameters: list[Tensor], count: int, group: dict) -> None:
        """One step of parameters that are all in their `count`-th."""
        first, second = group["betas"]
        gradients = [_centred(p.grad) if group["centred"] else p.grad for p in parameters]
        means = [self.state[p]["mean"] for p in parameters]
        squares = [self.state[p]["square"] for p in parameters]
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
        step_size = -group["lr"] / (1 - first**count)
        rectification = rectified(count, second)
        if rectification is None:
            torch._foreach_add_(parameters, means, alpha=step_size)
        else:
            roots = torch._foreach_sqrt(squares)
            torch._foreach_add_(roots, group["eps"])
            torch._foreach_addcdiv_(parameters, means, roots, step_size * rectification)
        if count % group["interval"] == 0:
            slow = [self.state[p]["slow"] for p in parameters]
            torch._foreach_lerp_(slow, parameters, group["slow_rate"])
            torch._foreach_copy_(parameters, slow)


def rectified(count: int, second: float) -> float | None:
    """What the adaptive step of the `count`-th update is multiplied by, bias correction of the variance included.

    None while the variance rests on too few gradients: the step is then one of plain momentum.
    """
    longest = 2 / (1 - second) - 1
    correction = 1 - second**count
    length = longest - 2 * count * second**count / correction
    if length < RECTIFIED_FROM:
        return None
    numerator = (length - 4) * (length - 2) * longest
    return math.sqrt(correction * numerator / ((longest - 4) * (longest - 2) * length))


def _centred(gradient: Tensor) -> Tensor:
    """The gradient of a matrix or kernel without its mean over all but the first dimension."""
    if gradient.ndim < 2:
        return gradient
    return gradient - gradient.mean(tuple(range(1, gradient.ndim)), keepdim=True)
