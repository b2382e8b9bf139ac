"""The optimisation of one side, generator or discriminator: from its loss to an update of its parameters."""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from grain_codec.training.optimizers.muon import Muon
from grain_codec.training.optimizers.ranger import Ranger
from grain_codec.training.settings import Recipe

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of matrix products, by a name of PRECISIONS; "auto" is bfloat16 on a GPU, else float32."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return PRECISIONS[precision]


def between_processes(module: nn.Module) -> nn.Module:
    """The module, whose gradients are averaged over all processes when there are several.

    This concerns the parameters that require a gradient at the time of the call.
    """
    if not distributed.is_initialized():
        return module
    # The trainer has already sent all weights to all processes, in types that every backend knows.
    return DistributedDataParallel(module, broadcast_buffers=False, init_sync=False)


class Updates:
    """Optimiser, learning rates, loss scaling and clipping of one side."""

    def __init__(
        self,
        groups: dict[float, list[nn.Parameter]],
        recipe: Recipe,
        clip: float,
        precision: torch.dtype,
        device: torch.device,
    ):
        """Prepares the optimiser.

        Args:
            groups: parameters by their learning rate, as a multiple of the recipe's.
            recipe: names the optimiser and the highest learning rate.
            clip: largest norm of the gradient; infinity leaves the gradient as it is.
            precision: what matrix products are computed in; in float16 the loss is scaled.
            device: where the parameters are.
        """
        described = [{"params": parameters} for parameters in groups.values()]
        self.peaks = [relative * recipe.learning_rate for relative in groups]
        if recipe.optimizer == "ranger":
            self.optimizer: torch.optim.Optimizer = Ranger(described)
        elif recipe.optimizer == "muon":
            self.optimizer = Muon(described)
        else:
            self.optimizer = torch.optim.Adam(described, betas=(recipe.momentum, 0.99))
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        self.parameters = [parameter for parameters in groups.values() for parameter in parameters]
        self.clip = clip

    def apply(self, loss: Tensor, rate: float) -> None:
        """Updates the parameters; `rate`, in [0, 1], is the factor that the schedule puts on the learning rates."""
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * rate
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if math.isfinite(self.clip):
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state(self) -> dict[str, dict[str, Any]]:
        """The state that a checkpoint keeps."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state` gave; the learning rates are those of this run's recipe."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
