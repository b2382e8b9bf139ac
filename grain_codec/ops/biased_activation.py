"""Bias, leaky rectifier and gain in one pass over a feature map."""

from __future__ import annotations

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel, vector_length

LEAKY_SLOPE = 0.2
GAIN = math.sqrt(2)
"""Keeps the variance of most inputs near one."""


def biased_activation(x: Tensor, bias: Tensor, slope: float = LEAKY_SLOPE, gain: float = GAIN) -> Tensor:
    """leaky_relu(x + bias) * gain.

    Args:
        x: `[B, C, H, W]`.
        bias: `[C]`.
        slope: what the activation multiplies negative values by.
    """
    return (biased_activation_kernel if use_kernel(x, bias) else biased_activation_reference)(x, bias, slope, gain)


def biased_activation_reference(x: Tensor, bias: Tensor, slope: float = LEAKY_SLOPE, gain: float = GAIN) -> Tensor:
    """`biased_activation` in plain torch, with a gradient."""
    return F.leaky_relu(x + bias[:, None, None], slope) * gain


def biased_activation_kernel(
    x: Tensor, bias: Tensor, slope: float = LEAKY_SLOPE, gain: float = GAIN, run: Runner = launch
) -> Tensor:
    """`biased_activation` by its kernel, which rounds once, at the end."""
    x, bias = x.contiguous(), bias.contiguous()
    batch, channels, height, width = x.shape
    y = x.new_empty(x.shape)
    vector = vector_length(height * width, x, y)
    grid = elementwise_grid(height * width // vector, channels, batch)
    arguments = (x, bias, y, np.int32(height * width), np.float32(slope), np.float32(gain))
    run(Launch("biased_activation", f"biased_activation_{vector}", x.dtype, grid, arguments))
    return y
