"""What each training stage minimises, as a module: batch in, loss and figures out.

An objective owns the networks it trains, so that wrapping it for several GPUs wraps them all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grain_codec.model.blocks import antialiased_resize
from grain_codec.model.rescaling import Rescaling, ideal_laplace_bits
from grain_codec.spec import GRID

BIT_PRICE = 0.08
"""Squared error that a bit must save, in squared quantiser steps: the slope of the closed-form codec's curve."""


class RescalingObjective(nn.Module):
    """Rate and distortion of the rescaling module at random qualities.

    The density that prices the details here is a Laplace one per cell and coefficient, with a scale
    that may follow the quantiser step; the shipped tables, fitted afterwards, are sharper.
    """

    def __init__(self, rescaling: Rescaling):
        super().__init__()
        self.rescaling = rescaling
        shape = (GRID * GRID, rescaling.spec.detail_components)
        self.log_scale = nn.Parameter(torch.full(shape, -3.0))
        self.log_scale_slope = nn.Parameter(torch.zeros(shape))

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

    def forward(self, views: Tensor, step: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
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
        return loss, {"psnr": psnr.detach(), "bits": bits.mean().detach()}
