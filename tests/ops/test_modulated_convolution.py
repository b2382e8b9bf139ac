"""The separable modulated convolution against the full convolution that it factors, and its kernel."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grain_codec.ops.modulated_convolution import (
    separable_modulated_convolution,
    separable_modulated_convolution_kernel,
    separable_modulated_convolution_reference,
)

SHAPES = [(1, 1, 1, 1, 1), (2, 5, 3, 7, 9), (1, 32, 64, 8, 16), (2, 33, 65, 9, 17), (1, 70, 12, 20, 34)]
"""Batch, channels in, channels out, height, width: less than a tile, whole tiles, and a little more."""


def operands(place, shape: tuple[int, ...], noises: int, dtype: torch.dtype) -> list[torch.Tensor | None]:
    """Random arguments whose result has a variance of about one."""
    batch, channels, outputs, height, width = shape
    depthwise = place.random(channels, 1, 3, 3, dtype=dtype) / 3
    pointwise = place.random(outputs, channels, 1, 1, dtype=dtype) / channels**0.5
    noise = place.random(noises, 1, height, width, dtype=dtype) / 2 if noises else None
    style, bias = 1 + place.random(batch, channels, dtype=dtype) / 4, place.random(outputs, dtype=dtype)
    return [place.random(batch, channels, height, width, dtype=dtype), style, depthwise, pointwise, bias, noise]


def test_is_one_convolution_with_scaled_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    x, style, depthwise, pointwise, bias, noise = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in [(1, 4, 6, 5), (1, 4), (4, 1, 3, 3), (7, 4, 1, 1), (7,), (1, 1, 6, 5)]
    )
    weights = pointwise * (style[0, :, None, None] * depthwise[:, 0])
    expected = F.leaky_relu(F.conv2d(x, weights, bias, padding=1) + noise, 0.2)
    found = separable_modulated_convolution(x, style, depthwise, pointwise, bias, noise)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("noises", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel(place, scalar: torch.dtype, shape: tuple[int, ...], noises: int) -> None:
    given = operands(place, shape, min(noises, shape[0]), scalar)
    exact = [each if each is None else each.double() for each in given]
    expected = separable_modulated_convolution_reference(*exact)
    found = separable_modulated_convolution_kernel(*given, run=place.run)
    assert found.dtype == scalar
    tolerance = max(4 * torch.finfo(scalar).eps, 4e-6)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
