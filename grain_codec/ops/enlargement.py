"""The last step of a decoder that draws smaller pictures than it returns: enlargement and conversion to bytes."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel
from grain_codec.ops.pixels import image_to_pixels_reference


def enlarged_pixels(x: Tensor, size: int) -> Tensor:
    """Enlarges pictures bicubically, in float32, and converts them to bytes.

    Args:
        x: `[B, 3, H, W]` in about [0, 1], any floating type.
        size: side of the result in pixels.

    Returns:
        uint8 `[B, size, size, 3]`.
    """
    return enlarged_pixels_kernel(x, size) if use_kernel(x) else enlarged_pixels_reference(x, size)


def enlarged_pixels_reference(x: Tensor, size: int) -> Tensor:
    """`enlarged_pixels` in plain torch."""
    return image_to_pixels_reference(F.interpolate(x.float(), (size, size), mode="bicubic", align_corners=False))


def enlarged_pixels_kernel(x: Tensor, size: int, run: Runner = launch) -> Tensor:
    """`enlarged_pixels` by its kernel."""
    x = x.contiguous()
    batch, _, height, width = x.shape
    y = x.new_empty(batch, size, size, 3, dtype=torch.uint8)
    arguments = (x, y, np.int32(height), np.int32(width), np.int32(size), np.int32(size))
    run(Launch("enlargement", "enlarged_pixels", x.dtype, elementwise_grid(size * size, 1, batch), arguments))
    return y
