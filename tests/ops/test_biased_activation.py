"""The fused bias and activation against its reference."""

from __future__ import annotations

import pytest
import torch

from grain_codec.ops.biased_activation import (
    GAIN,
    LEAKY_SLOPE,
    biased_activation,
    biased_activation_kernel,
    biased_activation_reference,
)


def test_values() -> None:
    x = torch.tensor([-3.0, 1.0]).reshape(1, 1, 1, 2)
    activated = biased_activation(x, torch.tensor([1.0])).flatten().tolist()
    assert activated == pytest.approx([-2 * LEAKY_SLOPE * GAIN, 2 * GAIN])


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 5, 3, 7), (3, 64, 8, 4), (1, 3, 40, 33)], ids=str)
def test_kernel(place, scalar: torch.dtype, shape: tuple[int, ...]) -> None:
    x, bias = place.random(*shape, dtype=scalar), place.random(shape[1], dtype=scalar)
    expected = biased_activation_reference(x.float(), bias.float())
    found = biased_activation_kernel(x, bias, run=place.run)
    assert found.dtype == scalar
    torch.testing.assert_close(found.float(), expected, rtol=torch.finfo(scalar).eps, atol=1e-6)
