"""The discriminators' losses, against their formulas worked out apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grain_codec.training.losses.adversarial import NonSaturatingAdversary, RelativisticAdversary, gradient_penalty


class Brightness(nn.Module):
    """A discriminator whose logits are known: each pixel's sum over the channels."""

    def forward(self, image: Tensor) -> Tensor:
        return image.sum(1, keepdim=True)


class Linear(nn.Module):
    """A discriminator with a constant gradient."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3, 2, 2), weight))

    def forward(self, image: Tensor) -> Tensor:
        return (image * self.weight).flatten(1).sum(1, keepdim=True)


def cross_entropy(logits: np.ndarray, label: float) -> float:
    chance = 1 / (1 + np.exp(-logits))
    return float(-(label * np.log(chance) + (1 - label) * np.log(1 - chance)).mean())


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 2, 2, generator=generator) * 2 - 1, torch.rand(2, 3, 2, 2, generator=generator) * 2 - 1


def test_the_relativistic_losses_compare_a_patch_with_the_batchs_mean_of_the_other_kind(pair: tuple[Tensor, Tensor]):
    real, drawn = pair
    adversary = RelativisticAdversary(Brightness(), every=6, size=2)
    of_real, of_drawn = (image.sum(1, keepdim=True).double().numpy() for image in pair)
    drawn_apart = of_drawn - of_real.mean(0, keepdims=True)
    real_apart = of_real - of_drawn.mean(0, keepdims=True)
    assert adversary.generator_loss(real, drawn).item() == pytest.approx(cross_entropy(drawn_apart, 1.0), rel=1e-5)
    expected = (cross_entropy(real_apart, 1.0) + cross_entropy(drawn_apart, 0.0)) / 2
    assert adversary(real, drawn)[0].item() == pytest.approx(expected, rel=1e-5)


def test_the_relativistic_discriminator_sees_small_pictures():
    """A checkerboard averages out on the way to a quarter of its size."""
    checkers = torch.ones(1, 3, 8, 8)
    checkers[..., ::2, 1::2] = checkers[..., 1::2, ::2] = -1
    adversary = RelativisticAdversary(Brightness(), every=6, size=4)
    assert adversary.generator_loss(torch.zeros(1, 3, 8, 8), checkers).item() == pytest.approx(np.log(2))


def test_the_logistic_losses(pair: tuple[Tensor, Tensor]):
    real, drawn = pair
    adversary = NonSaturatingAdversary(Linear(0.5), every=3)
    of_real, of_drawn = (image.double().flatten(1).sum(1).numpy() * 0.5 for image in pair)
    expected = np.log1p(np.exp(-of_drawn)).mean()
    assert adversary.generator_loss(real, drawn).item() == pytest.approx(expected, rel=1e-5)
    expected = np.log1p(np.exp(-of_real)).mean() + np.log1p(np.exp(of_drawn)).mean()
    assert adversary(real, drawn)[0].item() == pytest.approx(expected, rel=1e-5)


def test_the_penalty_is_the_squared_slope_at_real_faces(pair: tuple[Tensor, Tensor]):
    """Of a linear discriminator it is the squared length of its weights: 12 of 0.5 each."""
    penalty = gradient_penalty(Linear(0.5), pair[0])
    assert penalty.item() == pytest.approx(12 * 0.25)
    assert penalty.requires_grad


def test_the_penalty_weighs_half_of_ten_for_every_one_of_sixteen_steps(pair: tuple[Tensor, Tensor]):
    adversary = NonSaturatingAdversary(Linear(0.5), every=3)
    without, with_penalty = adversary(*pair)[0], adversary(*pair, penalised=True)[0]
    assert (with_penalty - without).item() == pytest.approx(10 / 2 * 3.0 * 16)


def test_the_generators_loss_has_no_gradient_through_real_faces(pair: tuple[Tensor, Tensor]):
    for adversary in (RelativisticAdversary(Brightness(), 6, 2), NonSaturatingAdversary(Linear(0.5), 3)):
        real, drawn = (image.clone().requires_grad_() for image in pair)
        adversary.generator_loss(real, drawn).backward()
        assert real.grad is None and drawn.grad.abs().max() > 0
