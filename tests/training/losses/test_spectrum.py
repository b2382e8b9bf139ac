"""The term against regular patterns: blind to what the face has too, keen on a grid where the face is smooth."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grain_codec.training.losses.spectrum import excess_power


@pytest.fixture
def face() -> Tensor:
    """Smooth on the left, rough on the right, `[1, 3, 128, 128]` in [-1, 1]."""
    generator = torch.Generator().manual_seed(5)
    rough = 0.3 * torch.randn(1, 3, 128, 128, generator=generator)
    rough[..., :64] = 0
    return rough.clamp(-0.9, 0.9)


def checkers(amplitude: float) -> Tensor:
    rows = torch.arange(128)
    return amplitude * ((rows[:, None] + rows) % 2 * 2.0 - 1).expand(1, 3, 128, 128)


def test_the_face_itself_and_a_blurred_face_have_no_excess(face: Tensor):
    blurred = torch.nn.functional.avg_pool2d(face, 3, 1, 1)
    assert excess_power(face, face).item() == 0
    assert excess_power(blurred, face).item() < 0.01


def test_a_faint_grid_is_seen_where_the_face_is_smooth(face: Tensor):
    left, right = checkers(4 / 255), checkers(4 / 255)
    left[..., 64:], right[..., :80] = 0, 0
    assert excess_power(face + left, face).item() > 20 * excess_power(face + right, face).item()


def test_a_grid_costs_more_the_stronger_it_is_and_its_gradient_takes_it_away(face: Tensor):
    costs = [excess_power(face + checkers(level / 255), face).item() for level in (1, 2, 4, 8)]
    assert costs == sorted(costs) and costs[0] > 0
    picture = (face + checkers(4 / 255)).requires_grad_()
    excess_power(picture, face).sum().backward()
    assert (picture.grad * checkers(1.0)).sum() > 0


def test_coarse_and_coloured_patterns_are_seen_too(face: Tensor):
    rows = torch.arange(128)
    wave = 4 / 255 * torch.cos(rows * (2 * torch.pi / 16)).expand(1, 3, 128, 128).clone()
    assert excess_power(face + wave, face).item() > 0.01
    wave[:, 1:] *= -0.5
    assert excess_power(face + wave, face).item() > 0.01


def test_each_picture_has_a_cost_of_its_own(face: Tensor):
    pictures = torch.cat([face, face + checkers(4 / 255)])
    first, second = excess_power(pictures, face.expand(2, -1, -1, -1)).tolist()
    assert first == 0 and second == pytest.approx(excess_power(pictures[1:], face).item())


def test_what_repeats_from_cell_to_cell_is_seen_best_in_windows_of_several_cells():
    """Faint dots 16 pixels apart, as a model of 16x16 cells leaves them on 256 pixels, over hair that has no period."""
    generator = torch.Generator().manual_seed(7)
    hair, other = (0.03 * torch.randn(1, 3, 256, 256, generator=generator) for _ in range(2))
    dots = torch.zeros(256, 256)
    dots[5::16, 9::16] = 0.2
    dotted = other + dots
    costs = {size: excess_power(dotted, hair, size) - excess_power(other, hair, size) for size in (32, 128)}
    assert costs[128].item() > 2 * costs[32].item() > 0


def test_noise_below_the_floor_is_not_seen_in_any_window():
    noise = 0.5 / 255 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(8))
    flat = torch.zeros(1, 3, 256, 256)
    assert all(excess_power(noise, flat, window).item() < 0.02 for window in (32, 128))
