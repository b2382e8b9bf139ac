"""The inverse Haar step against its matrix, and its kernel against the reference."""

from __future__ import annotations

import pytest
import torch

from grain_codec.ops.haar import inverse_haar, inverse_haar_kernel, inverse_haar_reference

SHAPES = [(1, 4, 1, 1), (2, 12, 5, 7), (1, 8, 16, 12), (3, 20, 9, 36), (2, 256, 4, 4)]


def forward_haar(y: torch.Tensor) -> torch.Tensor:
    """Bands of `[B, C, 2 H, 2 W]` by their definition: sums and differences of columns, then of rows."""
    left, right = y[..., 0::2], y[..., 1::2]
    sums, differences = (left + right) / 2**0.5, (left - right) / 2**0.5
    low, lh = ((band[..., 0::2, :] + band[..., 1::2, :]) / 2**0.5 for band in (sums, differences))
    vertical, both = ((band[..., 0::2, :] - band[..., 1::2, :]) / 2**0.5 for band in (sums, differences))
    return low, vertical, lh, both


def test_one_block() -> None:
    low, lh, hl, hh = 8.0, 4.0, 2.0, 1.0
    block = inverse_haar(torch.tensor([low, lh, hl, hh]).reshape(1, 4, 1, 1))
    assert block.tolist() == [[[[7.5, 4.5], [2.5, 1.5]]]]


def test_undoes_the_transform_of_every_channel() -> None:
    y = torch.rand(2, 3, 8, 10)
    low, lh, hl, hh = forward_haar(y)
    bands = torch.cat([low, torch.stack([lh, hl, hh], 2).flatten(1, 2)], 1)
    assert torch.allclose(inverse_haar(bands), y, atol=1e-6)


def test_gradient() -> None:
    assert torch.autograd.gradcheck(inverse_haar, torch.rand(1, 8, 2, 3, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel(place, scalar: torch.dtype, shape: tuple[int, ...]) -> None:
    x = place.random(*shape, dtype=scalar)
    expected = inverse_haar_reference(x.float()).to(scalar)
    assert torch.equal(inverse_haar_kernel(x, place.run), expected)


def test_kernel_of_maps_at_an_odd_address(place) -> None:
    x = place.random(4 * 4 * 4 + 1)[1:].reshape(1, 4, 4, 4)
    assert torch.equal(inverse_haar_kernel(x, place.run), inverse_haar_reference(x))
