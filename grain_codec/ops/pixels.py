"""The last step of a decoder: feature maps to the bytes of pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grain_codec.ops.haar import inverse_haar_reference
from grain_codec.ops.kernels import Launch, Runner, elementwise_grid, launch, use_kernel, vector_length


def image_to_pixels(x: Tensor) -> Tensor:
    """Pictures `[B, 3, H, W]` in [0, 1], clamped to it and rounded half to even: uint8 `[B, H, W, 3]`."""
    return image_to_pixels_kernel(x) if use_kernel(x) else image_to_pixels_reference(x)


def haar_to_pixels(x: Tensor, base: Tensor | None = None) -> Tensor:
    """The last inverse Haar step and `image_to_pixels` in one; the bands are summed in float32, whatever their type.

    Args:
        x: `[B, 12, H, W]`, bands of a picture in [0, 1], ordered as `inverse_haar` takes them.
        base: `[B, 3, 2 H, 2 W]`, a picture that is added to it.

    Returns:
        uint8 `[B, 2 H, 2 W, 3]`.
    """
    return (haar_to_pixels_kernel if use_kernel(x, base) else haar_to_pixels_reference)(x, base)


def image_to_pixels_reference(x: Tensor) -> Tensor:
    """`image_to_pixels` in plain torch."""
    return (x.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def haar_to_pixels_reference(x: Tensor, base: Tensor | None = None) -> Tensor:
    """`haar_to_pixels` in plain torch."""
    picture = inverse_haar_reference(x.float())
    return image_to_pixels_reference(picture if base is None else picture + base.float())


def image_to_pixels_kernel(x: Tensor, run: Runner = launch) -> Tensor:
    """`image_to_pixels` by its kernel."""
    x = x.contiguous()
    batch, _, height, width = x.shape
    y = x.new_empty(batch, height, width, 3, dtype=torch.uint8)
    vector = vector_length(height * width, x, y)
    grid = elementwise_grid(height * width // vector, 1, batch)
    run(Launch("pixels", f"image_to_pixels_{vector}", x.dtype, grid, (x, y, np.int32(height * width))))
    return y


def haar_to_pixels_kernel(x: Tensor, base: Tensor | None = None, run: Runner = launch) -> Tensor:
    """`haar_to_pixels` by its kernel."""
    x, base = x.contiguous(), base if base is None else base.contiguous()
    batch, _, height, width = x.shape
    y = x.new_empty(batch, 2 * height, 2 * width, 3, dtype=torch.uint8)
    vector = vector_length(width, x, y) if base is None else vector_length(width, x, y, base)
    grid = elementwise_grid(height * width // vector, 1, batch)
    run(Launch("pixels", f"haar_to_pixels_{vector}", x.dtype, grid, (x, base, y, np.int32(height), np.int32(width))))
    return y
