"""What each training stage minimises, as a module: batch in, loss and figures out.

An objective owns the networks it trains, so that wrapping it for several GPUs wraps them all, and the
adversary they are trained against, when there is one. The trainer alternates between the two sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.errors import WrongModel
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.rescaling import Rescaling, ideal_laplace_bits
from grain_codec.training.losses.adversarial import Adversary

BIT_PRICE = 0.08
"""Squared error that a bit must save, in squared quantiser steps: the slope of the closed-form codec's curve."""

ADVERSARY = "adversary."


class Outcome(NamedTuple):
    """What an objective says of a batch.

    Attributes:
        loss: of the generator step.
        figures: scalars to report, without a gradient.
        real, drawn: pictures `[B, 3, S, S]` in [-1, 1] for the discriminator step; `drawn` has no gradient.
    """

    loss: Tensor
    figures: dict[str, Tensor]
    real: Tensor | None = None
    drawn: Tensor | None = None


class Objective(nn.Module):
    """The loss of a stage and the networks it belongs to.

    A subclass gives `forward(*batch) -> Outcome`, the generator step. What it trains is every
    parameter that requires a gradient and is not the adversary's. Modules that come from files of
    their own at every start, such as frozen networks that only judge, are named in `restored_elsewhere`
    and stay out of checkpoints.
    """

    restored_elsewhere: tuple[str, ...] = ()

    def __init__(self, adversary: Adversary | None = None):
        super().__init__()
        self.adversary = adversary

    def generator_parameters(self) -> dict[str, nn.Parameter]:
        """What the generator step trains, by name."""
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and not name.startswith(ADVERSARY)
        }

    def discriminator_parameters(self) -> dict[str, nn.Parameter]:
        """What the discriminator step trains, by name."""
        return {} if self.adversary is None else dict(self.adversary.named_parameters(prefix=ADVERSARY.rstrip(".")))

    def relative_rate(self, name: str) -> float:
        """The learning rate of a parameter over the recipe's."""
        return 1.0

    def training_state(self) -> dict[str, Tensor]:
        """The part of the state that a checkpoint keeps."""
        return {name: value for name, value in self.state_dict().items() if not self._is_restored_elsewhere(name)}

    def load_training_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `training_state` gave.

        Raises:
            WrongModel: the state is of another objective.
        """
        try:
            missing, unexpected = self.load_state_dict(state)
        except RuntimeError as error:
            raise WrongModel(str(error)) from error
        wrong = [name for name in missing if not self._is_restored_elsewhere(name)] + unexpected
        if wrong:
            raise WrongModel(f"{wrong[0]} is missing or left over")

    def _is_restored_elsewhere(self, name: str) -> bool:
        return any(f"{name}.".startswith(f"{module}.") for module in self.restored_elsewhere)


def freeze_all_but(module: nn.Module, trained: Iterable[nn.Module]) -> None:
    """Leaves gradients to some parts of a module only."""
    module.requires_grad_(False)
    for part in trained:
        part.requires_grad_(True)


class RescalingObjective(Objective):
    """Rate and distortion of the rescaling module of face-1024 at random qualities.

    The density that prices the details here is a Laplace one per cell and coefficient, with a scale
    that may follow the quantiser step; the shipped tables, fitted afterwards, are sharper.
    """

    def __init__(self, rescaling: Rescaling, cell_rate: float = 0.05):
        """`cell_rate` is the learning rate of matrices that belong to one cell, over that of convolutions."""
        super().__init__()
        self.rescaling = rescaling
        self.cell_rate = cell_rate
        shape = (GRID * GRID, rescaling.spec.detail_components)
        self.log_scale = nn.Parameter(torch.full(shape, -3.0))
        self.log_scale_slope = nn.Parameter(torch.zeros(shape))

    def relative_rate(self, name: str) -> float:
        """Matrices of a single cell learn at `cell_rate`."""
        return self.cell_rate if name.endswith(("_prediction", "_basis")) else 1.0

    @torch.no_grad()
    def start_scales(self, views: Tensor) -> None:
        """Sets the densities to the magnitudes found on some views, float `[N, 3, V, V]` in [0, 1]."""
        step = self.random_steps(len(views), torch.Generator().manual_seed(0)).to(views.device)
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        magnitude = (found.detail_values.abs() * step[:, None, None]).mean(0)
        self.log_scale.copy_(magnitude.clamp(min=1e-3).log())

    def random_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Quantiser steps `[count]` of random fine qualities, all equally likely."""
        spec = self.rescaling.spec
        qualities = torch.randint(0, spec.fine_qualities, (count,), generator=generator)
        return spec.coarsest_step * 2.0 ** (-qualities / spec.steps_per_octave)

    def forward(self, views: Tensor, step: Tensor) -> Outcome:
        """The loss of a batch and its parts.

        Args:
            views: `[B, 3, V, V]` in [0, 1].
            step: `[B]`.

        Returns:
            Squared error plus priced bits, over the squared step, per cell; and the figures
            `psnr` (dB, of the view) and `bits` (of the details), means over the batch.
        """
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        error = (found.view - views).square().flatten(1)
        log_step = step.log()[:, None, None]
        log_scale = self.log_scale + self.log_scale_slope * log_step - log_step
        bits = ideal_laplace_bits(found.detail_values, log_scale).flatten(1).sum(1)
        loss = (error.sum(1) / step.square() + BIT_PRICE * bits).mean() / (GRID * GRID)
        psnr = -10 * error.mean(1).log10().mean()
        return Outcome(loss, {"psnr": psnr.detach(), "bits": bits.mean().detach()})
