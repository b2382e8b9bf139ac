"""Ranger against torch's own rectified Adam, and against its two other parts on paper."""

from __future__ import annotations

import pytest
import torch

from grain_codec.training.optimizers.ranger import Ranger

NEVER = 10**9


def gradients(shape: tuple[int, ...], count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) + 0.3 for _ in range(count)]


def walk(make, shape: tuple[int, ...], count: int) -> list[torch.Tensor]:
    """Where a parameter that starts at one goes under the same gradients."""
    parameter = torch.nn.Parameter(torch.ones(shape))
    optimizer, places = make([parameter]), []
    for gradient in gradients(shape, count):
        parameter.grad = gradient.clone()
        optimizer.step()
        places.append(parameter.detach().clone())
    return places


def test_alone_it_is_rectified_adam():
    """Before and after the variance is rectified, which with these averages begins at step 6."""
    settings = {"lr": 0.05, "betas": (0.95, 0.999), "eps": 1e-5}
    ours = walk(lambda p: Ranger(p, **settings, interval=NEVER, centred=False), (3, 4), 40)
    torchs = walk(lambda p: torch.optim.RAdam(p, **settings), (3, 4), 40)
    for mine, theirs in zip(ours, torchs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_gradients_of_kernels_are_centred_and_those_of_biases_are_not():
    """A kernel's values that belong to one output move apart, never together."""
    kernel = walk(lambda p: Ranger(p, lr=0.05, interval=NEVER), (5, 2, 3, 3), 3)[-1]
    torch.testing.assert_close(kernel.mean((1, 2, 3)), torch.ones(5), rtol=0, atol=1e-6)
    bias = walk(lambda p: Ranger(p, lr=0.05, interval=NEVER), (5,), 3)[-1]
    assert (bias - 1).abs().max() > 1e-3


@pytest.mark.parametrize(("interval", "slow_rate"), [(6, 0.5), (3, 0.25)])
def test_every_few_steps_it_returns_part_of_the_way(interval: int, slow_rate: float):
    """Until then it goes where it would without; then back, to the blend with where the last interval began."""
    free = walk(lambda p: Ranger(p, lr=0.05, interval=NEVER), (4, 4), interval)
    bound = walk(lambda p: Ranger(p, lr=0.05, interval=interval, slow_rate=slow_rate), (4, 4), interval)
    for mine, theirs in zip(bound[:-1], free[:-1], strict=True):
        assert torch.equal(mine, theirs)
    torch.testing.assert_close(bound[-1], 1 + slow_rate * (free[-1] - 1))


def test_parameters_without_gradient_stay():
    moved, still = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = Ranger([moved, still], lr=0.1)
    moved.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(still, torch.ones(2)) and not torch.equal(moved, torch.ones(2))
