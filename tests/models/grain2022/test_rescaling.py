"""The quantiser and the residual dense blocks of the published rescaling module."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from grain_codec.models.grain2022.layers import RRDB, ResidualDenseBlock
from grain_codec.models.grain2022.rescaling import quantise


def test_quantising_gives_eight_bit_samples() -> None:
    samples = torch.tensor([-3.0, 0.0, 0.4, 0.6, 17.49, 254.7, 300.0])
    quantised = quantise(samples / 255 * 2 - 1)
    torch.testing.assert_close((quantised + 1) / 2 * 255, torch.tensor([0.0, 0.0, 0.0, 1.0, 17.0, 255.0, 255.0]))


def test_every_eight_bit_sample_stays_what_it_is() -> None:
    samples = torch.arange(256.0) / 255 * 2 - 1
    quantised = quantise(samples)
    torch.testing.assert_close(quantised, samples)
    assert torch.equal(quantise(quantised), quantised)


def test_quantising_has_the_gradient_of_the_identity_but_where_it_clamps() -> None:
    lr = torch.tensor([-1.1, -0.7, 0.123, 0.9, 1.1], requires_grad=True)
    quantise(lr).sum().backward()
    torch.testing.assert_close(lr.grad, torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0]))


def test_additive_noise_is_uniform_over_one_level() -> None:
    torch.manual_seed(0)
    lr = torch.zeros(1, 3, 64, 64, requires_grad=True)
    quantised = quantise(lr, additive_noise=True)
    noise = (quantised.detach() - lr.detach()) / 2 * 255
    assert noise.abs().max() <= 0.5001 and noise.min() < -0.49 and noise.max() > 0.49
    assert abs(noise.var().item() - 1 / 12) < 0.003
    quantised.sum().backward()
    torch.testing.assert_close(lr.grad, torch.ones_like(lr))


def test_dense_block_grows_its_input_by_each_convolution() -> None:
    torch.manual_seed(0)
    block, x = ResidualDenseBlock(64, 32, 4), torch.randn(1, 64, 5, 6)
    first = F.leaky_relu(block.conv1(x), 0.2)
    second = F.leaky_relu(block.conv2(torch.cat([x, first], 1)), 0.2)
    third = F.leaky_relu(block.conv3(torch.cat([x, first, second], 1)), 0.2)
    expected = x + 0.2 * block.conv4(torch.cat([x, first, second, third], 1))
    torch.testing.assert_close(block(x), expected)


def test_residual_in_residual_adds_a_fifth_of_what_its_blocks_give() -> None:
    torch.manual_seed(0)
    block, x = RRDB(), torch.randn(1, 64, 4, 4)
    torch.testing.assert_close(block(x), x + 0.2 * block.RDB3(block.RDB2(block.RDB1(x))))
