"""What turns the loss of one side, generator or discriminator, into a move of its parameters."""

from __future__ import annotations

import math

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from grain_codec.training.ranger import Ranger

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OPTIMIZERS = ("adam", "ranger")


def autocast_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of matrix products for a name of PRECISIONS or "auto": bfloat16 on a GPU, else float32."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return PRECISIONS[precision]


def between_processes(module: nn.Module) -> nn.Module:
    """The module, with its gradients averaged over all processes when there are several.

    Only parameters that require a gradient at this moment take part.
    """
    if not distributed.is_initialized():
        return module
    # The trainer has sent all weights to all processes, in types that every backend knows.
    return DistributedDataParallel(module, broadcast_buffers=False, init_sync=False)


class Updates:
    """Optimiser, learning rates, loss scaling and clipping of one side."""

    def __init__(
        self,
        groups: dict[float, list[nn.Parameter]],
        optimizer: str,
        learning_rate: float,
        clip: float,
        precision: torch.dtype,
        device: torch.device,
    ):
        """Prepares the optimiser.

        Args:
            groups: parameters by their learning rate relative to `learning_rate`.
            optimizer: one of OPTIMIZERS.
            learning_rate: the highest of the schedule.
            clip: largest norm of the gradient; infinity leaves it as it is.
            precision: of the matrix products; float16 needs its loss scaled.
            device: where the parameters are.
        """
        described = [{"params": parameters} for parameters in groups.values()]
        self.peaks = [relative * learning_rate for relative in groups]
        if optimizer == "ranger":
            self.optimizer: torch.optim.Optimizer = Ranger(described)
        else:
            self.optimizer = torch.optim.Adam(described, betas=(0.9, 0.99))
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        self.parameters = [parameter for parameters in groups.values() for parameter in parameters]
        self.clip = clip

    def apply(self, loss: Tensor, rate: float) -> None:
        """One update; `rate` in [0, 1] is what the schedule leaves of the learning rate."""
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * rate
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if math.isfinite(self.clip):
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state(self) -> dict[str, dict]:
        """What a checkpoint keeps."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load(self, state: dict[str, dict]) -> None:
        """Puts back what `state` gave; learning rates stay those that the run was started with."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
