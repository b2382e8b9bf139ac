"""The separable modulated convolution of the prior, with its noise, bias and activation."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, launch, use_kernel

LEAKY_SLOPE = 0.2  # The activation multiplies negative values by this.
TILE_ROWS, TILE_COLUMNS, TILE_OUTPUTS = 8, 16, 64
"""The tile that a block of the kernel computes: ROWS, COLUMNS and OUTPUTS in its source."""


def separable_modulated_convolution(
    x: Tensor, style: Tensor, depthwise: Tensor, pointwise: Tensor, bias: Tensor, noise: Tensor | None = None
) -> Tensor:
    """A 3x3 convolution in two factors, whose input channels are scaled by a style.

    Args:
        x: `[B, C, H, W]`, any floating type, which the other arguments share.
        style: `[B, C]`, what each input channel is multiplied by.
        depthwise: `[C, 1, 3, 3]`, correlated with each channel separately; the map is padded with zeros.
        pointwise: `[O, C, 1, 1]`.
        bias: `[O]`.
        noise: `[1, 1, H, W]` or `[B, 1, H, W]`, added to every output channel.

    Returns:
        `[B, O, H, W]`, of the type of `x`: leaky_relu(pointwise(depthwise(x * style)) + noise + bias).
    """
    by_kernel = use_kernel(x, style, depthwise, pointwise, bias, noise)
    convolve = separable_modulated_convolution_kernel if by_kernel else separable_modulated_convolution_reference
    return convolve(x, style, depthwise, pointwise, bias, noise)


def separable_modulated_convolution_reference(
    x: Tensor, style: Tensor, depthwise: Tensor, pointwise: Tensor, bias: Tensor, noise: Tensor | None = None
) -> Tensor:
    """`separable_modulated_convolution` in plain torch, with a gradient."""
    filtered = F.conv2d(x * style[:, :, None, None], depthwise, padding=1, groups=x.shape[1])
    mixed = F.conv2d(filtered, pointwise, bias)
    return F.leaky_relu(mixed if noise is None else mixed + noise, LEAKY_SLOPE)


def separable_modulated_convolution_kernel(
    x: Tensor,
    style: Tensor,
    depthwise: Tensor,
    pointwise: Tensor,
    bias: Tensor,
    noise: Tensor | None = None,
    run: Runner = launch,
) -> Tensor:
    """`separable_modulated_convolution` by its kernel, in one pass over `x` with sums in float32.

    The result of the depthwise factor is rounded to the type of `x` before the tensor cores multiply it.
    """
    inputs = [tensor.contiguous() for tensor in (x, style, depthwise, pointwise, bias)]
    batch, channels, height, width = x.shape
    outputs = len(bias)
    y = x.new_empty(batch, outputs, height, width)
    noise = None if noise is None else noise.contiguous()
    noise_stride = height * width if noise is not None and len(noise) > 1 else 0
    tiles = -(-height // TILE_ROWS) * -(-width // TILE_COLUMNS)
    sizes = [np.int32(size) for size in (channels, outputs, height, width)]
    arguments = (*inputs, noise, np.int64(noise_stride), y, *sizes, np.float32(LEAKY_SLOPE))
    grid = (tiles, -(-outputs // TILE_OUTPUTS), batch)
    run(Launch("modulated_convolution", "separable_modulated_convolution", x.dtype, grid, arguments))
    return y
