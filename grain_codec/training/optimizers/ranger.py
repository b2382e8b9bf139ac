"""Ranger: rectified Adam on centred gradients, with a slow copy of the weights that looks ahead.

Liu et al. 2020 ("On the variance of the adaptive learning rate and beyond", algorithm 2), Yong et al.
2020 ("Gradient centralization", equation 1) and Zhang et al. 2019 ("Lookahead optimizer", algorithm 1).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Ranger(torch.optim.RAdam):
    """Defaults are those of the official program of GRAIN; there is no weight decay."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        interval: int = 6,
        slow_rate: float = 0.5,
        centred: bool = True,
    ):
        """`interval` and `slow_rate` are k and alpha of Lookahead; `centred` switches the centring of gradients."""
        super().__init__(params, lr, betas, eps, foreach=True)
        self.interval, self.slow_rate, self.centred = interval, slow_rate, centred

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # No closures here.
        """Moves every parameter that has a gradient."""
        assert closure is None
        moved = [each for group in self.param_groups for each in group["params"] if each.grad is not None]
        if self.centred:
            for parameter in moved:
                _centre(parameter.grad)
        starts = {each: each.detach().clone() for each in moved if not self.state[each]}
        super().step()
        for parameter, start in starts.items():
            self.state[parameter]["slow"] = start
        due = [each for each in moved if int(self.state[each]["step"]) % self.interval == 0]
        if due:
            slow = [self.state[each]["slow"] for each in due]
            torch._foreach_lerp_(slow, due, self.slow_rate)
            torch._foreach_copy_(due, slow)


def _centre(gradient: Tensor) -> None:
    """Takes from the gradient of a matrix or kernel its mean over all but the first dimension."""
    if gradient.ndim > 1:
        gradient.sub_(gradient.mean(tuple(range(1, gradient.ndim)), keepdim=True))
