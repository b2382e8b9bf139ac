"""The last step of a decoder: from a picture to its bytes."""

import numpy as np
import torch
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel, vector_length


def image_to_pixels(x: Tensor) -> Tensor:
    """Clamps pictures to [0, 1] and rounds them to bytes, half to even.

    Args:
        x: `[B, 3, H, W]`, any floating type.

    Returns:
        uint8 `[B, H, W, 3]`.
    """
    return image_to_pixels_kernel(x) if use_kernel(x) else image_to_pixels_reference(x)


def image_to_pixels_reference(x: Tensor) -> Tensor:
    """`image_to_pixels` in plain torch."""
    return (x.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def image_to_pixels_kernel(x: Tensor, run: Runner = launch) -> Tensor:
    """`image_to_pixels` by its kernel."""
    x = x.contiguous()
    batch, _, height, width = x.shape
    y = x.new_empty(batch, height, width, 3, dtype=torch.uint8)
    vector = vector_length(height * width, x, y)
    grid = elementwise_grid(height * width // vector, 1, batch)
    run(Launch("pixels", f"image_to_pixels_{vector}", x.dtype, grid, (x, y, np.int32(height * width))))
    return y
