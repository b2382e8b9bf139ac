"""The training loop: schedule, averaging of the weights, checkpoints, several processes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from grain_codec.errors import WrongModel


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train.

    Attributes:
        steps: optimiser steps in all, earlier runs of the same checkpoint included.
        minutes: ends a run earlier; the learning rate then falls with the time instead.
        learning_rate: of the convolutions; matrices that belong to one cell take `cell_rate` times it.
        cell_rate: see above.
        warm_up: steps over which the learning rate rises.
        average: decay of the exponential moving average of the weights, which is what is kept.
        report_every: steps between progress lines.
        checkpoint_every: steps between checkpoints and validations.
        compile: whether `torch.compile` is used.
    """

    steps: int
    minutes: float = math.inf
    learning_rate: float = 1e-3
    cell_rate: float = 0.05
    warm_up: int = 300
    average: float = 0.998
    report_every: int = 50
    checkpoint_every: int = 1000
    compile: bool = False


class Trainer:
    """Trains an objective; resumes from its checkpoint file when that exists."""

    def __init__(self, objective: nn.Module, recipe: Recipe, device: torch.device, checkpoint: Path):
        self.objective = objective.to(device)
        self.recipe, self.device, self.checkpoint = recipe, device, checkpoint
        self.step = 0
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.optimizer = torch.optim.Adam(self._parameter_groups(), betas=(0.9, 0.99))
        self.averaged = {name: value.detach().clone() for name, value in objective.named_parameters()}
        if checkpoint.exists():
            self._resume()
        self.forward = torch.compile(self.objective) if recipe.compile else self.objective
        if distributed.is_initialized():
            # Every process starts from the same checkpoint or the same seed, and the integer buffers that
            # a synchronisation would send are of types that not every backend knows.
            self.forward = DistributedDataParallel(self.forward, broadcast_buffers=False, init_sync=False)

    def run(
        self, data: Iterator[tuple[Tensor, ...]], report: Callable[[str], None], validate: Callable[[], str]
    ) -> None:
        """Trains until the recipe's steps or minutes are over.

        Args:
            data: endless batches; each is the arguments of the objective's forward.
            report: takes the progress lines.
            validate: measures the averaged weights, which are in place while it runs; its text is reported.
        """
        started, sums, progress = time.monotonic(), {}, 0.0
        while progress < 1 and self.step < self.recipe.steps:
            minutes = (time.monotonic() - started) / 60
            progress = self._agreed(max((self.step + 1) / self.recipe.steps, minutes / self.recipe.minutes))
            for name, value in self._train_step(next(data), progress).items():
                sums[name] = sums.get(name, 0.0) + value
            if self.step % self.recipe.report_every == 0 and self.rank == 0:
                means = {name: float(value) / self.recipe.report_every for name, value in sums.items()}
                text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
                report(f"step {self.step}  minutes {minutes:.1f}  {text}")
                sums = {}
            if (self.step % self.recipe.checkpoint_every == 0 or progress >= 1) and self.rank == 0:
                self.save()
                with self.averaged_weights():
                    report(f"step {self.step}  validation  {validate()}")

    def _agreed(self, progress: float) -> float:
        """The first process's progress: clocks differ, and all must stop at the same step."""
        if not distributed.is_initialized():
            return progress
        shared = torch.tensor([progress], device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def _train_step(self, batch: tuple[Tensor, ...], progress: float) -> dict[str, Tensor]:
        """One update; `progress` in [0, 1] sets the learning rate on a cosine."""
        self.step += 1
        rate = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) * min(1.0, self.step / self.recipe.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss, figures = self.forward(*(part.to(self.device, non_blocking=True) for part in batch))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.objective.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.recipe.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.objective.named_parameters():
                self.averaged[name].lerp_(value, 1 - decay)
        return {"loss": loss.detach(), **figures}

    def averaged_weights(self) -> _Swapped:
        """A context in which the objective holds the averaged weights."""
        return _Swapped(self.objective, self.averaged)

    def save(self) -> None:
        """Writes the checkpoint; a kill at any moment leaves the old file or the new one."""
        state = {
            "objective": self.objective.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _resume(self) -> None:
        """Goes on from the checkpoint.

        Raises:
            WrongModel: the checkpoint is of another model.
        """
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        try:
            self.objective.load_state_dict(state["objective"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise WrongModel(f"{self.checkpoint}: not a checkpoint of this model: {error}") from error
        self.averaged, self.step = state["averaged"], state["step"]

    def _parameter_groups(self) -> list[dict]:
        """Convolutions, and the tensors that belong to one cell, each with its own peak learning rate."""
        shared, celled = [], []
        for name, parameter in self.objective.named_parameters():
            is_celled = name.endswith(("_prediction", "_basis"))
            (celled if is_celled else shared).append(parameter)
        peak = self.recipe.learning_rate
        return [{"params": shared, "peak": peak}, {"params": celled, "peak": peak * self.recipe.cell_rate}]


def load_averaged(objective: nn.Module, checkpoint: Path) -> None:
    """Puts a checkpoint's averaged weights into an objective on the CPU.

    Raises:
        WrongModel: there is no such file, or it is of another model.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        objective.load_state_dict(state["objective"])
        with torch.no_grad():
            for name, parameter in objective.named_parameters():
                parameter.copy_(state["averaged"][name])
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise WrongModel(f"{checkpoint}: not a checkpoint of this model: {error}") from error


class _Swapped:
    """Puts other values into a module's parameters, and the own ones back on leaving."""

    def __init__(self, module: nn.Module, values: dict[str, Tensor]):
        self.module, self.values = module, values

    def __enter__(self) -> None:
        self.own = {name: value.detach().clone() for name, value in self.module.named_parameters()}
        self._put(self.values)

    def __exit__(self, *error: object) -> None:
        self._put(self.own)

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self.module.named_parameters():
            parameter.copy_(values[name])
