"""upfirdn2d against sums written out, and its kernel against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grain_codec.ops.upfirdn import upfirdn2d, upfirdn2d_kernel, upfirdn2d_reference

CASES = [(1, 1, (0, 0)), (1, 1, (2, 1)), (2, 1, (2, 1)), (1, 2, (1, 1)), (1, 2, (2, 2)), (3, 2, (5, 0)), (2, 3, (0, 4))]
"""Factors up and down, and padding."""


def by_definition(x: np.ndarray, taps: np.ndarray, up: int, down: int, pad: tuple[int, int]) -> np.ndarray:
    """Filters one map sample by sample."""
    spread = np.zeros((x.shape[0] * up, x.shape[1] * up))
    spread[::up, ::up] = x
    spread = np.pad(spread, pad)
    rows, columns = (side - length + 1 for side, length in zip(spread.shape, taps.shape))
    full = [
        [(spread[i : i + taps.shape[0], j : j + taps.shape[1]] * taps[::-1, ::-1]).sum() for j in range(columns)]
        for i in range(rows)
    ]
    return np.array(full)[::down, ::down]


@pytest.mark.parametrize("up, down, pad", CASES)
def test_definition(up: int, down: int, pad: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    x, taps = generator.normal(size=(7, 9)), generator.normal(size=(4, 3))
    found = upfirdn2d(torch.from_numpy(x)[None, None], torch.from_numpy(taps), up, down, pad)
    np.testing.assert_allclose(found[0, 0].numpy(), by_definition(x, taps, up, down, pad), atol=1e-12)


@pytest.mark.parametrize("up, down, pad", CASES)
def test_kernel(place, scalar: torch.dtype, up: int, down: int, pad: tuple[int, int]) -> None:
    x, taps = place.random(2, 3, 10, 13, dtype=scalar), place.random(4, 3, dtype=scalar)
    expected = upfirdn2d_reference(x.float(), taps.float(), up, down, pad)
    found = upfirdn2d_kernel(x, taps, up, down, pad, place.run)
    assert found.dtype == scalar
    tolerance = torch.finfo(scalar).eps
    torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=10 * torch.finfo(torch.float32).eps)
