"""Bias, leaky rectifier and gain in one pass over a feature map."""

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel, vector_length

LEAKY_SLOPE = 0.2  # The activation multiplies negative values by this.
GAIN = math.sqrt(2)  # Keeps the variance of most inputs near one.


def biased_activation(x: Tensor, bias: Tensor) -> Tensor:
    """leaky_relu(x + bias) * GAIN.

    Args:
        x: `[B, C, H, W]`, any floating type.
        bias: `[C]`, of the type of `x`.

    Returns:
        `[B, C, H, W]`, of the type of `x`.
    """
    return biased_activation_kernel(x, bias) if use_kernel(x, bias) else biased_activation_reference(x, bias)


def biased_activation_reference(x: Tensor, bias: Tensor) -> Tensor:
    """`biased_activation` in plain torch, with a gradient."""
    return F.leaky_relu(x + bias[:, None, None], LEAKY_SLOPE) * GAIN


def biased_activation_kernel(x: Tensor, bias: Tensor, run: Runner = launch) -> Tensor:
    """`biased_activation` by its kernel, which rounds once, at the end."""
    x, bias = x.contiguous(), bias.contiguous()
    batch, channels, height, width = x.shape
    y = x.new_empty(x.shape)
    vector = vector_length(height * width, x, y)
    grid = elementwise_grid(height * width // vector, channels, batch)
    arguments = (x, bias, y, np.int32(height * width), np.float32(LEAKY_SLOPE), np.float32(GAIN))
    run(Launch("biased_activation", f"biased_activation_{vector}", x.dtype, grid, arguments))
    return y
