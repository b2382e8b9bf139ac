"""Small parts that the networks share: cells, residual blocks and rounding with a gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID


def image_to_cells(image: Tensor) -> Tensor:
    """Cuts an image into its 16x16 grid of cells.

    Args:
        image: `[B, 3, S, S]`, S a multiple of 16.

    Returns:
        `[B, 256, 3 * (S / 16) ** 2]`, cells in raster order, samples of a cell as channel, row, column.
    """
    batch, channels, size, _ = image.shape
    side = size // GRID
    cells = image.reshape(batch, channels, GRID, side, GRID, side).permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(batch, GRID * GRID, channels * side * side)


def cells_to_image(cells: Tensor) -> Tensor:
    """The inverse of `image_to_cells`: `[B, 256, N]` -> `[B, 3, S, S]`."""
    batch, _, samples = cells.shape
    side = round((samples // 3) ** 0.5)
    image = cells.reshape(batch, GRID, GRID, 3, side, side).permute(0, 3, 1, 4, 2, 5)
    return image.reshape(batch, 3, GRID * side, GRID * side)


def cells_to_map(cells: Tensor) -> Tensor:
    """`[B, 256, N]` -> feature map `[B, N, 16, 16]`."""
    return cells.transpose(1, 2).reshape(cells.shape[0], cells.shape[2], GRID, GRID)


def map_to_cells(features: Tensor) -> Tensor:
    """Feature map `[B, N, 16, 16]` -> `[B, 256, N]`."""
    return features.flatten(2).transpose(1, 2)


def per_cell(cells: Tensor, matrices: Tensor) -> Tensor:
    """Multiplies every cell by its own matrix: `[B, 256, N]` x `[256, N, M]` -> `[B, 256, M]`."""
    return torch.bmm(cells.transpose(0, 1), matrices).transpose(0, 1)


def round_with_dead_zone(values: Tensor, rounding: float | Tensor) -> Tensor:
    """Whole levels in the forward pass, the identity's gradient in the backward pass.

    Args:
        values: any shape, in units of the quantiser step.
        rounding: what is added to a magnitude before it is cut to an integer; 0.5 rounds to the
            nearest level, less widens the zero level, which pays at low rates (Sullivan 1996,
            "Efficient scalar quantization of exponential and Laplacian random variables").
    """
    levels = torch.sign(values) * torch.floor(values.abs() + rounding)
    return values + (levels - values).detach()


def antialiased_resize(image: Tensor, size: int) -> Tensor:
    """Bicubic resize of `[B, C, H, W]` to `size` x `size` that averages over all it shrinks.

    One axis after the other, which is what torch does on a CPU, to the bit. On a GPU it has one kernel for both, whose
    shared memory the taps of 1024 to 16 do not fit.
    """
    for shape in ((image.shape[-2], size), (size, size)):
        image = F.interpolate(image, shape, mode="bicubic", antialias=True, align_corners=False)
    return image


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), 3x3 convolutions; starts as the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(F.leaky_relu(x, 0.2))
        return x + self.second(F.leaky_relu(y, 0.2))


class ResidualNetwork(nn.Module):
    """Residual blocks between two 1x1 convolutions; starts by giving zeros, so as a correction of nothing."""

    def __init__(self, channels_in: int, width: int, blocks: int, channels_out: int):
        super().__init__()
        self.enter = nn.Conv2d(channels_in, width, 1)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)])
        self.leave = nn.Conv2d(width, channels_out, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        # Feature maps made of cells lie in memory channel by channel within a pixel; so do the weights then.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(F.leaky_relu(self.blocks(self.enter(x)), 0.2))
