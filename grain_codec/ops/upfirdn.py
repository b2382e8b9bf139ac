"""Upsampling, filtering and downsampling of feature maps in one operation."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel


def upfirdn2d(x: Tensor, taps: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Upsamples with zeros, pads, convolves with a filter and keeps every `down`-th sample.

    Args:
        x: `[B, C, H, W]`, any floating type.
        taps: `[K, L]`, the filter: convolved, not correlated, so that an impulse gives the filter itself.
        up: each sample is followed by up - 1 zeros, in both directions.
        pad: zeros before the first and after the last row and column.

    Returns:
        `[B, C, H', W']`, of the type of `x`, with H' = (H * up + sum(pad) - K) // down + 1.
    """
    taps = taps.to(x.dtype)
    resample = upfirdn2d_kernel if use_kernel(x, taps) else upfirdn2d_reference
    return resample(x, taps, up, down, pad)


def upfirdn2d_reference(x: Tensor, taps: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """`upfirdn2d` in plain torch, with a gradient."""
    batch, channels, height, width = x.shape
    if up > 1:
        x = F.pad(x[:, :, :, None, :, None], (0, up - 1, 0, 0, 0, up - 1))
        x = x.reshape(batch, channels, height * up, width * up)
    correlated = taps.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(x, (*pad, *pad)), correlated, stride=down, groups=channels)


def upfirdn2d_kernel(
    x: Tensor, taps: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0), run: Runner = launch
) -> Tensor:
    """`upfirdn2d` by its kernel, which sums in float32."""
    x, taps = x.contiguous(), taps.contiguous()
    batch, channels, height, width = x.shape
    sides = zip((height, width), taps.shape)
    out_height, out_width = ((side * up + sum(pad) - length) // down + 1 for side, length in sides)
    y = x.new_empty(batch, channels, out_height, out_width)
    sizes = (height, width, out_height, out_width, *taps.shape, up, down, pad[0])
    grid = elementwise_grid(out_height * out_width, channels, batch)
    run(Launch("upfirdn", "upfirdn", x.dtype, grid, (x, taps, y, *map(np.int32, sizes))))
    return y
