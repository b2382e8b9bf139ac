"""A larger module that starts as a smaller one."""

from __future__ import annotations

import torch

from grain_codec.models.blocks import ResidualNetwork
from grain_codec.training.growing import grow_from


def test_a_larger_network_starts_as_the_same_function_and_can_learn():
    torch.manual_seed(0)
    small, large = ResidualNetwork(5, 8, 1, 3), ResidualNetwork(5, 12, 3, 3)
    for parameter in small.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    grow_from(large, small.state_dict())
    picture = torch.randn(2, 5, 6, 6)
    torch.testing.assert_close(large(picture), small(picture))
    large(picture).square().sum().backward()
    assert large.leave.weight.grad[:, 8:].abs().min() > 0
