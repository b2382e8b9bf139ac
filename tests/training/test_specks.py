"""The term against specks: it sees dots, leaves strands and edges alone, and excuses what the face has nearby."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grain_codec.training.specks import REACH, stray_specks


@pytest.fixture
def smooth() -> Tensor:
    """A face without texture: a gradient, `[1, 3, 64, 64]` in [-1, 1]."""
    return torch.linspace(-0.5, 0.5, 64).expand(1, 3, 64, 64).clone()


def with_dot(picture: Tensor, row: int, column: int, height: float) -> Tensor:
    dotted = picture.clone()
    dotted[..., row, column] += height
    return dotted


def test_a_picture_of_the_face_itself_has_none(smooth: Tensor) -> None:
    rough = smooth + 0.2 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(3))
    assert stray_specks(rough, rough).item() == 0
    assert stray_specks(smooth, rough).item() == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_bright_and_dark_dots_count_and_stronger_ones_count_more(smooth: Tensor, sign: int) -> None:
    costs = [stray_specks(with_dot(smooth, 30, 30, sign * height), smooth).item() for height in (0, 0.1, 0.2, 0.4)]
    assert costs[0] == pytest.approx(0, abs=1e-8)
    assert costs[1] > 1e-5
    assert costs[3] == pytest.approx(2 * costs[2], rel=1e-3) == pytest.approx(4 * costs[1], rel=1e-3)


def test_strands_and_edges_are_left_alone(smooth: Tensor) -> None:
    dot = stray_specks(with_dot(smooth, 30, 30, 0.4), smooth).item()
    strands, edge = smooth.clone(), smooth.clone()
    strands[..., ::7] += 0.4
    edge[..., 20:, :] += 0.4
    assert stray_specks(strands, smooth).item() < dot / 1000
    assert stray_specks(edge, smooth).item() < dot / 1000


def test_a_dot_of_the_face_excuses_one_nearby_and_none_far_away(smooth: Tensor) -> None:
    face = with_dot(smooth, 30, 30, 0.4)
    near, far = with_dot(smooth, 30, 30 + REACH // 2, 0.4), with_dot(smooth, 30, 30 + 2 * REACH, 0.4)
    assert stray_specks(near, face).item() < stray_specks(far, face).item() / 5
    assert stray_specks(far, face).item() == pytest.approx(stray_specks(far, smooth).item())


def test_its_gradient_takes_a_dot_away_and_is_finite_where_the_picture_is_flat() -> None:
    flat = torch.zeros(1, 3, 32, 32)
    picture = with_dot(flat, 16, 16, 0.3).requires_grad_()
    stray_specks(picture, flat).sum().backward()
    assert torch.isfinite(picture.grad).all()
    assert (picture.grad[..., 16, 16] > 0).all()


def test_each_picture_has_a_cost_of_its_own(smooth: Tensor) -> None:
    dotted = with_dot(smooth, 30, 30, 0.4)
    first, second = stray_specks(torch.cat([smooth, dotted]), smooth.expand(2, -1, -1, -1)).tolist()
    assert first == pytest.approx(0, abs=1e-8) and second == pytest.approx(stray_specks(dotted, smooth).item())
