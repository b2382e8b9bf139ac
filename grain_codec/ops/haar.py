"""The inverse Haar step: from four bands at half size to one feature map."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel, vector_length


def inverse_haar(x: Tensor) -> Tensor:
    """Doubles height and width from the four bands of an orthonormal Haar transform.

    Args:
        x: `[B, 4 C, H, W]`, any floating type: the C low bands, then the bands lh, hl and hh of the first channel, of
            the second, and so on.

    Returns:
        `[B, C, 2 H, 2 W]`, of the type of `x`. The upper row of each 2x2 block is (low + lh + hl + hh) / 2 and
        (low + lh - hl - hh) / 2, the lower row is (low - lh + hl - hh) / 2 and (low - lh - hl + hh) / 2.
    """
    return inverse_haar_kernel(x) if use_kernel(x) else inverse_haar_reference(x)


def inverse_haar_reference(x: Tensor) -> Tensor:
    """`inverse_haar` in plain torch, with a gradient."""
    channels = x.shape[1] // 4
    low = x[:, :channels]
    lh, hl, hh = x[:, channels:].reshape(len(x), channels, 3, *x.shape[2:]).unbind(2)
    blocks = [low + lh + hl + hh, low + lh - hl - hh, low - lh + hl - hh, low - lh - hl + hh]
    return F.pixel_shuffle(torch.stack(blocks, 2).flatten(1, 2) / 2, 2)


def inverse_haar_kernel(x: Tensor, run: Runner = launch) -> Tensor:
    """`inverse_haar` by its kernel, which sums in float32."""
    x = x.contiguous()
    batch, bands, height, width = x.shape
    y = x.new_empty(batch, bands // 4, 2 * height, 2 * width)
    vector = vector_length(width, x, y)
    grid = elementwise_grid(height * width // vector, bands // 4, batch)
    run(Launch("haar", f"inverse_haar_{vector}", x.dtype, grid, (x, y, np.int32(height), np.int32(width))))
    return y
