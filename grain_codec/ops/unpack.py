"""The first step of a decoder: from the whole numbers of a file to the inputs of the networks."""

import numpy as np
import torch
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel


def unpack_symbols(records: Tensor, steps: Tensor, thumbnail_components: int) -> tuple[Tensor, Tensor, Tensor]:
    """Splits the records in which faces travel to the GPU into the inputs of a network.

    Args:
        records: int32 `[B, 1 + T + N]`, one record for each face: fine quality, levels of the thumbnail, levels of the
            details.
        steps: float32 `[Q]`, the quantiser step of each fine quality.
        thumbnail_components: T.

    Returns:
        Levels of the thumbnail `[B, T]`, levels of the details `[B, N]` and quantiser steps `[B]`, all in float32,
        which holds them exactly.
    """
    split = unpack_symbols_kernel if use_kernel(records) else unpack_symbols_reference
    return split(records, steps, thumbnail_components)


def unpack_low_resolution(pixels: Tensor) -> Tensor:
    """LR images uint8 `[B, 16, 16, 3]` as the samples that a network takes: float32 `[B, 3, 16, 16]`, 0 to 255."""
    return unpack_low_resolution_kernel(pixels) if use_kernel(pixels) else unpack_low_resolution_reference(pixels)


def unpack_symbols_reference(
    records: Tensor, steps: Tensor, thumbnail_components: int
) -> tuple[Tensor, Tensor, Tensor]:
    """`unpack_symbols` in plain torch."""
    levels = records[:, 1:].float()
    thumbnail, details = levels[:, :thumbnail_components], levels[:, thumbnail_components:]
    return thumbnail.contiguous(), details.contiguous(), steps[records[:, 0].long()]


def unpack_low_resolution_reference(pixels: Tensor) -> Tensor:
    """`unpack_low_resolution` in plain torch."""
    return pixels.permute(0, 3, 1, 2).float().contiguous()


def unpack_symbols_kernel(
    records: Tensor, steps: Tensor, thumbnail_components: int, run: Runner = launch
) -> tuple[Tensor, Tensor, Tensor]:
    """`unpack_symbols` by its kernel."""
    records = records.contiguous()
    batch, length = records.shape
    thumbnail = steps.new_empty(batch, thumbnail_components)
    details = steps.new_empty(batch, length - 1 - thumbnail_components)
    step = steps.new_empty(batch)
    sizes = (np.int32(thumbnail_components), np.int32(length))
    grid = elementwise_grid(length, 1, batch)
    arguments = (records, steps, thumbnail, details, step, *sizes)
    run(Launch("unpack", "unpack_symbols", torch.float32, grid, arguments))
    return thumbnail, details, step


def unpack_low_resolution_kernel(pixels: Tensor, run: Runner = launch) -> Tensor:
    """`unpack_low_resolution` by its kernel."""
    pixels = pixels.contiguous()
    batch, height, width, _ = pixels.shape
    y = pixels.new_empty(batch, 3, height, width, dtype=torch.float32)
    grid = elementwise_grid(height * width, 3, batch)
    run(Launch("unpack", "unpack_low_resolution", torch.float32, grid, (pixels, y, np.int32(height * width))))
    return y
