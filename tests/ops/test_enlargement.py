"""Bicubic enlargement to bytes, and its kernel against the reference."""

from __future__ import annotations

import pytest
import torch

from grain_codec.ops.enlargement import enlarged_pixels, enlarged_pixels_kernel, enlarged_pixels_reference
from grain_codec.ops.pixels import image_to_pixels


def test_same_size_is_the_picture_itself() -> None:
    image = torch.rand(2, 3, 8, 8)
    assert torch.equal(enlarged_pixels(image, 8), image_to_pixels(image))


def test_a_slope_goes_on_between_samples() -> None:
    image = (torch.arange(16) * 8 / 255).expand(1, 3, 16, 16)
    row = enlarged_pixels(image, 64)[0, 20, :, 1]
    assert row[12:52].tolist() == [round(2 * column - 3 + 1e-9) for column in range(12, 52)]


@pytest.mark.parametrize(("side", "size"), [(1, 4), (5, 5), (7, 20), (16, 128), (33, 40)])
def test_kernel(place, scalar: torch.dtype, side: int, size: int) -> None:
    """A sum in another order may round to the other byte."""
    image = (0.5 + 0.5 * place.random(2, 3, side, side)).to(scalar)
    difference = enlarged_pixels_kernel(image, size, place.run).int() - enlarged_pixels_reference(image, size).int()
    assert difference.abs().max() <= 1
    assert (difference != 0).float().mean() < 0.001
