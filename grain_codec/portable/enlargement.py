"""Bicubic enlargement by whole factors as one convolution, for runtimes that are slow at interpolation.

ONNX Runtime computes its own bicubic `Resize` one sample at a time: from 256 to 1024 pixels a side that takes 0.6 s on
a core, where the convolution takes a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

REACH = 2  # Samples on either side of a sample that its part of the result depends on.
_SHARPNESS = -0.75  # torch's parameter of the cubic kernel (Keys 1981).


def enlarged(x: Tensor, factor: int) -> Tensor:
    """`F.interpolate(..., mode="bicubic")` of `[B, C, H, W]` to `factor` times the size, by a convolution."""
    if factor == 1:
        return x
    batch, channels, height, width = x.shape
    taps = x.new_tensor(_taps(factor))
    kernel = (taps[:, None, :, None] * taps[None, :, None, :]).reshape(factor * factor, 1, *[2 * REACH + 1] * 2)
    padded = F.pad(x.reshape(batch * channels, 1, height, width), [REACH] * 4, mode="replicate")
    return F.pixel_shuffle(F.conv2d(padded, kernel), factor).reshape(batch, channels, factor * height, factor * width)


def _taps(factor: int) -> list[list[float]]:
    """The weights of 2 * REACH + 1 samples for each of the `factor` samples that one becomes."""
    centres = ((part + 0.5) / factor - 0.5 for part in range(factor))
    return [[_cubic(abs(centre - sample)) for sample in range(-REACH, REACH + 1)] for centre in centres]


def _cubic(distance: float) -> float:
    """The weight of a sample at a distance in samples."""
    a = _SHARPNESS
    if distance < 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return a * (((distance - 5) * distance + 8) * distance - 4) if distance < 2 else 0.0


class EnlargesByConvolution(TorchFunctionMode):
    """A context in which torch's bicubic interpolation by whole factors becomes `enlarged`."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Called by torch in place of each of its functions."""
        kwargs = kwargs or {}
        factor = _factor(*args, **kwargs) if func is F.interpolate else None
        return func(*args, **kwargs) if factor is None else enlarged(args[0], factor)


def _factor(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> int | None:
    """The whole factor by which a call of `F.interpolate` enlarges bicubically; None for any other call."""
    if mode != "bicubic" or align_corners or antialias or size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    (factor, rest), other = divmod(sides[0], input.shape[-2]), divmod(sides[1], input.shape[-1])
    return factor if rest == 0 and other == (factor, 0) else None
