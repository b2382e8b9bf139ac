"""Pictures to bytes: clamping, rounding, layout, and the kernel against the reference."""

from __future__ import annotations

import pytest
import torch

from grain_codec.ops.pixels import image_to_pixels, image_to_pixels_kernel, image_to_pixels_reference


def test_samples_are_clamped_and_rounded() -> None:
    samples = torch.tensor([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 7.0]).expand(1, 3, 1, 7)
    assert image_to_pixels(samples)[0, 0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_channels_become_a_pixels_bytes() -> None:
    image = torch.tensor([10.0, 20.0, 30.0]).div(255).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)
    assert image_to_pixels(image).shape == (2, 4, 5, 3)
    assert (image_to_pixels(image) == torch.tensor([10, 20, 30])).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 7), (3, 8, 12), (1, 33, 40)], ids=str)
def test_kernel(place, scalar: torch.dtype, shape: tuple[int, int, int]) -> None:
    batch, height, width = shape
    image = 0.5 + 0.7 * place.random(batch, 3, height, width, dtype=scalar)
    assert torch.equal(image_to_pixels_kernel(image, place.run), image_to_pixels_reference(image))


def test_kernel_of_every_byte_and_every_tie(place) -> None:
    """Both round halfway cases to the even byte."""
    image = (torch.arange(1536).reshape(1, 3, 16, 32) / 2 / 255).to(place.device)
    assert torch.equal(image_to_pixels_kernel(image, place.run), image_to_pixels_reference(image))
