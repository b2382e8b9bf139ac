"""Parts that the networks share: cells, residual blocks, and rounding that lets a gradient through."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID


def image_to_cells(image: Tensor) -> Tensor:
    """Cuts images `[B, 3, S, S]` into 16x16 cells, `[B, 256, 3 * (S / 16) ** 2]`.

    Cells are in raster order, the samples of a cell in the order channel, row, column.
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
    """Multiplies every cell by its own matrix: `[B, 256, N]` x `[256, N, M]` -> `[B, 256, M]`.

    Autocast leaves this product in float32: it decides what is quantised, and on a CPU batched products of small
    matrices are many times slower in bfloat16 than in float32.
    """
    with torch.autocast(cells.device.type, enabled=False):
        return torch.bmm(cells.float().transpose(0, 1), matrices.float()).transpose(0, 1)


def round_with_dead_zone(values: Tensor, rounding: float | Tensor) -> Tensor:
    """Rounds values in quantiser steps to whole levels; the backward pass takes the gradient of the identity.

    `rounding` is added to a magnitude before its fraction is cut off. 0.5 rounds to the nearest level; less widens the
    interval that becomes zero, which pays at low rates (Sullivan 1996, "Efficient scalar quantization of exponential
    and Laplacian random variables").
    """
    levels = torch.sign(values) * torch.floor(values.abs() + rounding)
    return values + (levels - values).detach()


def antialiased_resize(image: Tensor, size: int) -> Tensor:
    """Bicubic resize of `[B, C, H, W]` to `size` x `size`, low-pass filtered where it shrinks.

    It resizes one axis after the other. On a CPU torch does the same, to the bit. On a GPU torch resizes both axes in
    one kernel, and the filter taps of 1024 to 16 do not fit into that kernel's shared memory.
    """
    for shape in ((image.shape[-2], size), (size, size)):
        image = F.interpolate(image, shape, mode="bicubic", antialias=True, align_corners=False)
    return image


def zero_convolution(channels_in: int, channels_out: int, size: int = 1) -> nn.Conv2d:
    """A convolution whose output is zero until it is trained, so that what it is added to starts unchanged."""
    layer = nn.Conv2d(channels_in, channels_out, size, padding=size // 2)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def store_channels_last(module: nn.Module) -> None:
    """Lays the weights of convolutions out as the feature maps lie in memory: all channels of a pixel together."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's annotations


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))) with 3x3 convolutions; an untrained block is the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zero_convolution(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, W, S, S]` -> the same shape."""
        y = self.first(F.leaky_relu(x, 0.2))
        changed: Tensor = self.second(F.leaky_relu(y, 0.2))
        return x + changed


class ResidualNetwork(nn.Module):
    """Residual blocks between two 1x1 convolutions; an untrained network gives zeros."""

    def __init__(self, channels_in: int, width: int, blocks: int, channels_out: int):
        super().__init__()
        self.enter = nn.Conv2d(channels_in, width, 1)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)])
        self.leave = zero_convolution(width, channels_out)
        store_channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, S, S]` -> `[B, O, S, S]`."""
        corrected: Tensor = self.leave(F.leaky_relu(self.blocks(self.enter(x)), 0.2))
        return corrected
