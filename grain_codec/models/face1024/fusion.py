"""The upscaling priors decoding module of face-1024, which joins the decoded view with the prior's features.

At each scale from 32 px up the module reads its own features of the scale below, the decoded view folded to that
scale, the prior's features of that scale, and noise. Without the noise, texture would repeat itself. The module adds
its result to the interpolated view: untrained it gives `rescaled`, and trained it draws only what the view lacks.

The prior starts from 16x16 cells, and perceptual distances reward a pattern that repeats in every cell although people
see it at once. So the module subtracts what neighbouring cells have in common before it adds the result.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import ResidualBlock, store_channels_last, zero_convolution
from grain_codec.models.face1024.spec import DrawingSpec
from grain_codec.ops.haar import inverse_haar


class Fusion(nn.Module):
    """The upscaling priors decoding module; the file's docstring describes it."""

    def __init__(self, drawing: DrawingSpec, view_size: int):
        super().__init__()
        self.drawing, self.view_size = drawing, view_size
        self.position = nn.Parameter(torch.zeros(drawing.position_channels, GRID, GRID))
        self.enter, self.blocks = nn.ModuleList(), nn.ModuleList()
        known = 1 + drawing.position_channels
        levels = zip(drawing.fusion_widths, drawing.fusion_blocks, drawing.prior_widths[1:])
        for level, (width, blocks, prior_width) in enumerate(levels):
            size = 2 * GRID << level
            folded = 3 * max(1, view_size // size) ** 2
            self.enter.append(nn.Conv2d(known + folded + prior_width + drawing.noise_channels, width, 1))
            self.register_buffer(f"noise_{size}", fixed_noise(drawing.noise_channels, size), persistent=False)
            self.blocks.append(nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)]))
            known = width // 4
        self.leave = zero_convolution(drawing.fusion_widths[-1], 12)
        store_channels_last(self)

    def forward(self, view: Tensor, step: Tensor, features: list[Tensor]) -> Tensor:
        """`fused`, `[B, 3, D, D]` with D the drawn size, about [0, 1] and not clamped.

        It takes decoded views `[B, 3, V, V]` in [0, 1], quantiser steps `[B]`, and the prior's features `[B, C, S, S]`
        at S = 32, 64, ... D / 2.
        """
        size = 2 * GRID
        quality = (step.log2() / 2).view(-1, 1, 1, 1).expand(-1, 1, size, size)
        position = self.position.repeat_interleave(2, 1).repeat_interleave(2, 2).expand(view.shape[0], -1, -1, -1)
        x = torch.cat([quality, position], 1)
        for level, (enter, blocks, drawn) in enumerate(zip(self.enter, self.blocks, features)):
            x = inverse_haar(x) if level else x
            scale = drawn.shape[-1]
            noise = self.get_buffer(f"noise_{scale}").to(drawn.dtype).expand(len(view), -1, -1, -1)
            x = blocks(enter(torch.cat([x, self._view_at(view, scale) - 0.5, drawn, noise], 1)))
        full = self.drawing.size
        faithful = F.interpolate(view, (full, full), mode="bicubic", align_corners=False)
        added = inverse_haar(self.leave(F.leaky_relu(x, 0.2))).float()
        return faithful + without_repetition(added, self.drawing.repetition_window)

    def _view_at(self, view: Tensor, size: int) -> Tensor:
        """The view folded or interpolated to a scale: `[B, 3 * F * F, S, S]`."""
        if size < self.view_size:
            return F.pixel_unshuffle(view, self.view_size // size)
        if size == self.view_size:
            return view
        return F.interpolate(view, (size, size), mode="bicubic", align_corners=False)


def without_repetition(added: Tensor, window: int) -> Tensor:
    """Subtracts from each cell of `[B, C, D, D]`, sample by sample, the mean of itself and of the cells around it.

    Shading and colour that are smooth over the neighbourhood disappear too; the decoded view has those already.
    `window` is the side of the neighbourhood in cells, odd, or 0, which subtracts nothing.
    """
    if not window:
        return added
    cell = added.shape[-1] // GRID
    cells = F.pixel_unshuffle(added, cell)
    mean = F.avg_pool2d(cells, window, stride=1, padding=window // 2, count_include_pad=False)
    return F.pixel_shuffle(cells - mean, cell)


def fixed_noise(channels: int, size: int) -> Tensor:
    """Uniform noise of mean 0 and variance 1, `[1, channels, size, size]`, which no file stores.

    Every machine and version computes the same, because numpy promises that `RandomState` never changes its stream.
    """
    levels = np.random.RandomState(size).randint(0, 256, (1, channels, size, size), np.int64)
    return torch.from_numpy((levels - 127.5) * np.float64(12 / (256**2 - 1)) ** 0.5).float()
