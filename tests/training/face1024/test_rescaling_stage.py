"""The code length that the rescaling module is trained against."""

from __future__ import annotations

import torch

from grain_codec.training.face1024.rescaling_stage import level_bits


def test_the_chances_of_all_levels_sum_to_one():
    levels = torch.arange(-400.0, 401.0)
    for magnitude in (0.01, 0.5, 6.0):
        bits = level_bits(levels, levels, torch.tensor(magnitude), torch.tensor(-1.0))
        torch.testing.assert_close((2.0**-bits).sum(), torch.tensor(1.0), rtol=1e-3, atol=1e-3)


def test_bits_are_those_of_the_levels_and_their_gradient_is_that_of_the_values():
    values = torch.tensor([0.05, 0.5, -0.5, 2.3], requires_grad=True)
    levels = torch.tensor([0.0, 0.0, 0.0, 2.0])
    bits = level_bits(values, levels, torch.tensor(0.3), torch.tensor(-3.0))
    torch.testing.assert_close(bits[0].item(), bits[1].item())
    bits.sum().backward()
    assert values.grad[0] == 0 and values.grad[1] > 0 and values.grad[2] < 0 and values.grad[3] > 0
