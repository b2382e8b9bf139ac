"""The training loop: two sides in turn, averaged weights, checkpoints, several processes."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_content
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.optimizers.averaging import AveragedWeights
from grain_codec.training.settings import Recipe
from grain_codec.training.state_files import write_state
from grain_codec.training.updates import Updates, autocast_type, between_processes

ObjectiveType = TypeVar("ObjectiveType", bound=Objective)


class Observer(Protocol):
    """Takes what a run reports, in the first process only."""

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None:
        """Takes the means of the figures since the last call, and the minutes that this run has taken."""

    def validate(self, step: int) -> None:
        """Measures the objective, which holds the averaged weights during this call."""

    def saved(self, step: int) -> None:
        """A checkpoint has been written or found; the objective holds the averaged weights during this call."""


class Trainer(Generic[ObjectiveType]):
    """Trains an objective and its adversary; resumes from its checkpoint file when that exists.

    Attributes:
        step: generator steps that were taken.
        rank: number of this process; the first, 0, reports and writes.
        process_count: how many processes train together.
        averaged: the weights that are measured and written.
    """

    def __init__(self, objective: ObjectiveType, recipe: Recipe, device: torch.device, checkpoint: Path):
        self.objective = objective.to(device)
        self.recipe, self.device, self.checkpoint = recipe, device, checkpoint
        self.step = 0
        several = distributed.is_initialized()
        self.rank, self.process_count = (distributed.get_rank(), distributed.get_world_size()) if several else (0, 1)
        self.precision = autocast_type(recipe.precision, device)
        self.generator = self._updates(objective.generator_parameters(), recipe.clip)
        self.averaged = AveragedWeights(objective.generator_parameters(), recipe.average)
        self.discriminator: Updates | None = None
        if objective.adversary is not None:
            self.discriminator = self._updates(objective.discriminator_parameters(), math.inf)
        if checkpoint.exists():
            self._resume()
        if several:
            self._refuse_different_starts()
            self._share_start()
        self._wrap()

    def run(self, batches: Iterator[tuple[Tensor, ...]], observer: Observer | None) -> None:
        """Trains until the recipe's steps or minutes are over.

        Args:
            batches: endless; each is the arguments of the objective's forward.
            observer: takes the figures, and measures; only the first process needs one.
        """
        if observer is not None and self.step:
            # A kill may have come between the checkpoint and what the observer makes of it.
            with self.averaged.in_place():
                observer.saved(self.step)
        started, progress = time.monotonic(), 0.0
        seen: dict[str, list[Tensor]] = defaultdict(list)
        while progress < 1 and self.step < self.recipe.steps:
            minutes = (time.monotonic() - started) / 60
            progress = self._agreed(max((self.step + 1) / self.recipe.steps, minutes / self.recipe.minutes))
            figures = self._train_step(next(batches), progress)
            if observer is not None:
                for name, value in figures.items():
                    seen[name].append(value)
                self._observe(observer, seen, minutes, last=progress >= 1)

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        state = {
            "objective": self.objective.training_state(),
            "averaged": self.averaged.values,
            "step": self.step,
            **self.generator.state(),
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state()
        write_state(self.checkpoint, state)

    def _observe(self, observer: Observer, seen: dict[str, list[Tensor]], minutes: float, last: bool) -> None:
        """Reports, writes the checkpoint and measures, each when its time has come.

        Args:
            seen: the values of each figure since the last report; emptied by a report.
        """
        if self.step % self.recipe.report_every == 0 or last:
            means = {name: float(sum(values)) / len(values) for name, values in seen.items()}
            observer.progress(self.step, minutes, means)
            seen.clear()
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
            outcome: Outcome = self.forward(*(part.to(self.device, non_blocking=True) for part in batch))
        self.generator.apply(outcome.loss, rate)
        self.averaged.update(self.step)
        figures = {"loss": outcome.loss.detach(), **outcome.figures}
        if adversary is not None and self.step % adversary.every == 0:
            figures.update(self._discriminator_step(outcome, rate))
        return figures

    def _discriminator_step(self, outcome: Outcome, rate: float) -> dict[str, Tensor]:
        adversary = self.objective.adversary
        assert adversary is not None and self.discriminator is not None
        adversary.requires_grad_(True)
        penalised = adversary.penalty_every > 0 and self.step % adversary.penalty_every == 0
        with self._autocast():
            loss, figures = self.discriminate(outcome.real, outcome.drawn, penalised)
        self.discriminator.apply(loss, rate)
        return {"discriminator": loss.detach(), **figures}

    def _autocast(self) -> torch.autocast:
        enabled = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision if enabled else None, enabled=enabled)

    def _wrap(self) -> None:
        """Makes the two sides' forward passes such that each exchanges only its own gradients between processes."""
        adversary = self.objective.adversary
        if adversary is not None:
            adversary.requires_grad_(True)
            self.discriminate = between_processes(adversary)
            adversary.requires_grad_(False)
        compiled = cast(nn.Module, torch.compile(self.objective)) if self.recipe.compile else self.objective
        self.forward = between_processes(compiled)

    def _updates(self, parameters: dict[str, nn.Parameter], clip: float) -> Updates:
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in parameters.items():
            groups.setdefault(self.objective.relative_rate(name), []).append(parameter)
        return Updates(groups, self.recipe, clip, self.precision, self.device)

    def _resume(self) -> None:
        """Goes on from the checkpoint.

        Raises:
            WrongModel: the checkpoint is of another model.
        """
        # Adam counts its steps on the CPU; everything else is copied from there to where its parameters are.
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
        steps = torch.tensor([self.step, -self.step], device=self.device)
        distributed.all_reduce(steps, distributed.ReduceOp.MAX)
        if steps[0] != -steps[1]:
            raise WrongModel(f"{self.checkpoint}: not every machine sees the same; put it where all can read it")

    def _share_start(self) -> None:
        """Gives all processes the weights of the first; those that they have solved for differ in their last bits."""
        for tensor in self.objective.state_dict().values():
            # Not every backend knows all types and layouts.
            sent = (tensor if tensor.is_floating_point() else tensor.long()).contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)

    def _agreed(self, progress: float) -> float:
        """The first process's progress: clocks differ, and all processes must stop at the same step."""
        if not distributed.is_initialized():
            return progress
        shared = torch.tensor([progress], device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)
