"""Muon for the kernels of convolutions, whose momentum it makes orthogonal, and Adam for all other parameters.

K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024). The scale of a move follows
J. Liu and others, "Muon is scalable for LLM training" (2025), so that the same learning rate suits both kinds.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Of the polynomial that pushes singular values towards one.
ITERATIONS = 5
MOMENTUM = 0.95
SIZE_OF_ADAM = 0.2  # Root mean square of the entries of a move, in learning rates; that of Adam's moves is similar.


class Muon(torch.optim.Optimizer):
    """Muon for kernels `[M, N, H, W]`, Adam for parameters of other shapes."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ):
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no caller here has a closure
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = self._kernel_move if parameter.ndim == 4 else self._adam_move
                    parameter.sub_(move(parameter.grad, self.state[parameter], group), alpha=group["lr"])

    def _kernel_move(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """The move of a kernel over the learning rate."""
        momentum = state.setdefault("momentum", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        direction = orthogonal(gradient.lerp(momentum, MOMENTUM).flatten(1))
        move: Tensor = SIZE_OF_ADAM * max(direction.shape) ** 0.5 * direction
        return move.view_as(gradient)

    def _adam_move(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """The move of any other parameter over the learning rate."""
        if not state:
            state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        spread = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
        move: Tensor = state["mean"] / (1 - first ** state["step"]) / spread
        return move


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought near to one, by Newton-Schulz iterations."""
    tall = matrix.shape[0] > matrix.shape[1]
    result: Tensor = matrix.T if tall else matrix
    result = result / (result.norm() + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = result @ result.T
        result = first * result + (second * gram + third * gram @ gram) @ result
    return result.T if tall else result
