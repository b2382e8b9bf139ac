"""The training loop: two sides in turn, averaged weights, checkpoints, several processes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_content
from grain_codec.training.averaging import AveragedWeights
from grain_codec.training.objectives import Objective
from grain_codec.training.training_state import write_state
from grain_codec.training.updates import Updates, autocast_type, between_processes


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train.

    Attributes:
        steps: generator steps in all, earlier runs of the same checkpoint included.
        minutes: ends a run earlier; a falling learning rate then falls with the time instead.
        learning_rate: of both sides, at its highest.
        schedule: "cosine", which ends at zero, or "constant".
        warm_up: steps over which the learning rate rises.
        optimizer: "adam" or "ranger", for both sides.
        clip: largest norm of the generator's gradient; infinity leaves it as it is.
        average: decay of the exponential moving average of the generator's weights, which is then what
            is measured and written; 0 for none.
        precision: "float32", "bfloat16", "float16", or "auto": bfloat16 on a GPU, else float32.
        report_every: steps between progress lines.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between validations; 0 for one with every checkpoint.
        compile: whether `torch.compile` is used for the generator step.
    """

    steps: int
    minutes: float = math.inf
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warm_up: int = 300
    optimizer: str = "adam"
    clip: float = 1.0
    average: float = 0.998
    precision: str = "auto"
    report_every: int = 50
    checkpoint_every: int = 1000
    validate_every: int = 0
    compile: bool = False


class Observer(Protocol):
    """What a run tells of itself, in the first process only."""

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None:
        """Takes the means of the figures since the last call, and the minutes that this run has taken."""

    def validate(self, step: int) -> None:
        """Measures the objective, which holds the averaged weights while this runs."""

    def saved(self, step: int) -> None:
        """A checkpoint is there, new or found; the objective holds the averaged weights while this runs."""


class Trainer:
    """Trains an objective and its adversary; resumes from its checkpoint file when that exists."""

    def __init__(self, objective: Objective, recipe: Recipe, device: torch.device, checkpoint: Path):
        self.objective = objective.to(device)
        self.recipe, self.device, self.checkpoint = recipe, device, checkpoint
        self.step = 0
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.precision = autocast_type(recipe.precision, device)
        self.generator = self._updates(objective.generator_parameters(), recipe.clip)
        self.averaged = AveragedWeights(objective.generator_parameters(), recipe.average)
        self.discriminator = None
        if objective.adversary is not None:
            self.discriminator = self._updates(objective.discriminator_parameters(), math.inf)
        if checkpoint.exists():
            self._resume()
        self._refuse_different_starts()
        self._share_start()
        self._wrap()

    def run(self, data: Iterator[tuple[Tensor, ...]], observer: Observer) -> None:
        """Trains until the recipe's steps or minutes are over.

        Args:
            data: endless batches; each is the arguments of the objective's forward.
            observer: takes the figures, and measures.
        """
        if self.rank == 0 and self.step:
            # A kill may have come between the checkpoint and what the observer makes of it.
            with self.averaged.in_place():
                observer.saved(self.step)
        started, sums, progress = time.monotonic(), _Sums(), 0.0
        while progress < 1 and self.step < self.recipe.steps:
            minutes = (time.monotonic() - started) / 60
            progress = self._agreed(max((self.step + 1) / self.recipe.steps, minutes / self.recipe.minutes))
            sums.add(self._train_step(next(data), progress))
            if self.rank == 0:
                self._observe(observer, sums, minutes, last=progress >= 1)

    def save(self) -> None:
        """Writes the checkpoint; a kill at any moment leaves the old file or the new one."""
        state = {
            "objective": self.objective.training_state(),
            "averaged": self.averaged.values,
            "step": self.step,
            **self.generator.state(),
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state()
        write_state(self.checkpoint, state)

    def _observe(self, observer: Observer, sums: _Sums, minutes: float, last: bool) -> None:
        """Reports, writes the checkpoint and measures, each when its time has come."""
        if self.step % self.recipe.report_every == 0 or last:
            observer.progress(self.step, minutes, sums.means_since_last_call())
        saves = last or self.step % self.recipe.checkpoint_every == 0
        validates = last or self.step % (self.recipe.validate_every or self.recipe.checkpoint_every) == 0
        if saves:
            self.save()
        if saves or validates:
            with self.averaged.in_place():
                if validates:
                    observer.validate(self.step)
                if saves:
                    observer.saved(self.step)

    def _train_step(self, batch: tuple[Tensor, ...], progress: float) -> dict[str, Tensor]:
        """One update of the generator and, when it is due, one of the discriminator."""
        self.step += 1
        rate = min(1.0, self.step / max(self.recipe.warm_up, 1))
        if self.recipe.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        adversary = self.objective.adversary
        if adversary is not None:
            adversary.requires_grad_(False)
        with self._autocast():
            outcome = self.forward(*(part.to(self.device, non_blocking=True) for part in batch))
        self.generator.apply(outcome.loss, rate)
        self.averaged.update(self.step)
        figures = {"loss": outcome.loss.detach(), **outcome.figures}
        if adversary is not None and self.step % adversary.every == 0:
            figures.update(self._discriminator_step(outcome.real, outcome.drawn, rate))
        return figures

    def _discriminator_step(self, real: Tensor, drawn: Tensor, rate: float) -> dict[str, Tensor]:
        adversary = self.objective.adversary
        adversary.requires_grad_(True)
        penalised = adversary.penalty_every > 0 and self.step % adversary.penalty_every == 0
        with self._autocast():
            loss, figures = self.discriminate(real, drawn, penalised)
        self.discriminator.apply(loss, rate)
        return {"discriminator": loss.detach(), **figures}

    def _autocast(self) -> torch.autocast:
        enabled = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision if enabled else None, enabled=enabled)

    def _wrap(self) -> None:
        """The two sides as the steps call them; each exchanges only its own gradients between processes."""
        adversary = self.objective.adversary
        if adversary is not None:
            adversary.requires_grad_(True)
            self.discriminate = between_processes(adversary)
            adversary.requires_grad_(False)
        self.forward = between_processes(torch.compile(self.objective) if self.recipe.compile else self.objective)

    def _updates(self, parameters: dict[str, nn.Parameter], clip: float) -> Updates:
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in parameters.items():
            groups.setdefault(self.objective.relative_rate(name), []).append(parameter)
        recipe = self.recipe
        return Updates(groups, recipe.optimizer, recipe.learning_rate, clip, self.precision, self.device)

    def _resume(self) -> None:
        """Goes on from the checkpoint.

        Raises:
            WrongModel: the checkpoint is of another model.
        """
        # Adam counts its steps on the CPU; whoever takes the rest copies it to where its parameters are.
        state = read_content(self.checkpoint)
        try:
            self.objective.load_training_state(state["objective"])
            self.generator.load(state)
            if self.discriminator is not None:
                self.discriminator.load(state["discriminator"])
            self.averaged.load(state["averaged"])
            self.step = int(state["step"])
        except (KeyError, RuntimeError, TypeError, ValueError, WrongModel) as error:
            raise WrongModel(f"{self.checkpoint}: not a checkpoint of this model: {error}") from error

    def _refuse_different_starts(self) -> None:
        """Raises WrongModel when not all processes have found the same checkpoint."""
        if distributed.is_initialized():
            steps = torch.tensor([self.step, -self.step], device=self.device)
            distributed.all_reduce(steps, distributed.ReduceOp.MAX)
            if steps[0] != -steps[1]:
                raise WrongModel(f"{self.checkpoint}: not every machine sees the same; put it where all can read it")

    def _share_start(self) -> None:
        """Gives all processes the weights of the first: other processors solve a closed form to other last bits."""
        if not distributed.is_initialized():
            return
        for tensor in self.objective.state_dict().values():
            # Not every backend knows all types and layouts.
            sent = (tensor if tensor.is_floating_point() else tensor.long()).contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)

    def _agreed(self, progress: float) -> float:
        """The first process's progress: clocks differ, and all must stop at the same step."""
        if not distributed.is_initialized():
            return progress
        shared = torch.tensor([progress], device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)


class _Sums:
    """Figures summed over steps; one that only some steps have is averaged over those."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor | float, int]] = {}

    def add(self, figures: dict[str, Tensor]) -> None:
        for name, value in figures.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1

    def means_since_last_call(self) -> dict[str, float]:
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums.clear()
        return means
