"""Marks that repeat from cell to cell."""

from __future__ import annotations

import pytest
import torch

from grain_codec.training.losses.repetition import excess_repetition, repetition


@pytest.fixture
def noise() -> torch.Tensor:
    """Pictures of noise that does not repeat."""
    return 0.5 + 0.1 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_of_every_period_is_found(noise: torch.Tensor, period: int):
    lines = ((torch.arange(64) % period == 0) * 0.1).expand(2, 3, 64, 64)
    assert repetition(noise + lines).mean() > 1.2 * repetition(noise).mean()
    assert repetition(0.5 + lines).mean() > 0.02


def test_smooth_content_is_no_repetition_and_noise_hardly_any(noise: torch.Tensor):
    slope = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert repetition(slope)[:, 1:-1, 1:-1].max() < 0.005
    assert repetition(noise).mean() < 0.35 * 0.1


def test_only_what_is_more_than_in_the_real_picture_counts(noise: torch.Tensor):
    lines = ((torch.arange(64) % 4 == 0) * 0.1).expand(2, 3, 64, 64)
    assert excess_repetition(noise, noise + lines) < 0.002
    assert excess_repetition(noise + lines, noise + lines) == 0
    strength = torch.tensor(1.0, requires_grad=True)
    excess_repetition(noise + strength * lines, noise).backward()
    assert strength.grad is not None and strength.grad > 0.001
