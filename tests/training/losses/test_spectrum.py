"""Regular patterns of any period and direction."""

from __future__ import annotations

import math

import pytest
import torch

from grain_codec.training.losses.spectrum import excess_peaks


@pytest.fixture
def noise() -> torch.Tensor:
    """Pictures of noise, which has power at all frequencies."""
    return 0.5 + 0.1 * torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def waves(period: float, degrees: float) -> torch.Tensor:
    """A wave of so many pixels in a direction, `[1, 1, 96, 96]`."""
    row, column = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    angle = math.radians(degrees)
    return 0.05 * torch.sin(2 * math.pi * (row * math.sin(angle) + column * math.cos(angle)) / period)[None, None]


@pytest.mark.parametrize("period", [2.5, 4.0, 6.3, 8.0])
@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_a_weave_of_any_period_and_direction_is_found(noise: torch.Tensor, period: float, degrees: float):
    smooth = torch.full_like(noise, 0.5)
    assert excess_peaks(smooth + waves(period, degrees), smooth + 0.2 * (noise - 0.5)) > 0.01


def test_texture_as_strong_as_the_photographs_is_none(noise: torch.Tensor):
    other = noise.flip(-1)
    assert excess_peaks(other, noise) < 0.02
    assert excess_peaks(noise, noise) < 0.01


def test_structure_is_none(noise: torch.Tensor):
    assert excess_peaks(noise + 2 * waves(32, 0), noise) < 0.015


def test_it_drives_a_weave_out(noise: torch.Tensor):
    strength = torch.tensor(1.0, requires_grad=True)
    smooth = torch.full_like(noise, 0.5)
    excess_peaks(smooth + strength * waves(6, 45), smooth + 0.1 * (noise - 0.5)).backward()
    assert strength.grad is not None and strength.grad > 0.001
