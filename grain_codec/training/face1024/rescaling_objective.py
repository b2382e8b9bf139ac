"""What the rescaling stage of face-1024 minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.rescaling import Rescaling, ideal_laplace_bits
from grain_codec.training.objectives import Objective, Outcome

BIT_PRICE = 0.08
"""Squared error, in squared quantiser steps, that a bit must save: the slope of the closed-form codec's rate and
distortion curve."""


class RescalingObjective(Objective):
    """Rate and distortion of the rescaling module of face-1024 at random qualities.

    The bits of the details are estimated with a Laplace density for each cell and coefficient, whose scale may
    follow the quantiser step. The entropy coder's tables, which are fitted afterwards, need fewer bits.
    """

    def __init__(self, rescaling: Rescaling, cell_rate: float = 0.05):
        """`cell_rate` is the learning rate of matrices that belong to one cell, as a multiple of the recipe's."""
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
        """The loss of a batch.

        Args:
            views: `[B, 3, V, V]` in [0, 1].
            step: `[B]`.

        Returns:
            The loss is the squared error over the squared step, plus the price of the bits, per cell. The figures
            are means over the batch: `psnr` of the view in dB, and `bits` of the details.
        """
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        error = (found.view - views).square().flatten(1)
        log_step = step.log()[:, None, None]
        log_scale = self.log_scale + self.log_scale_slope * log_step - log_step
        bits = ideal_laplace_bits(found.detail_values, log_scale).flatten(1).sum(1)
        loss = (error.sum(1) / step.square() + BIT_PRICE * bits).mean() / (GRID * GRID)
        psnr = -10 * error.mean(1).log10().mean()
        return Outcome(loss, {"psnr": psnr.detach(), "bits": bits.mean().detach()})
