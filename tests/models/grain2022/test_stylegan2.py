"""Parts of the generator and the discriminator, against formulas written out another way."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grain_codec.models.grain2022.stylegan2 import (
    BinomialFilter,
    EqualLinear,
    ModulatedConv2d,
    StyleGAN2Generator,
    with_standard_deviation,
)


@pytest.fixture(scope="module")
def generator() -> StyleGAN2Generator:
    """A small one, whose noise has an effect."""
    torch.manual_seed(0)
    generator = StyleGAN2Generator(size=32).requires_grad_(False)
    for layer in (generator.conv1, *generator.convs):
        layer.noise.weight.fill_(0.3)
    return generator


def test_upsampling_keeps_a_constant() -> None:
    doubled = BinomialFilter((2, 1), up=2, gain=4.0)(torch.full((1, 3, 8, 8), 0.7))
    assert doubled.shape == (1, 3, 16, 16)
    torch.testing.assert_close(doubled[:, :, 1:-1, 1:-1], torch.full((1, 3, 14, 14), 0.7))


@pytest.mark.parametrize("upsample", [False, True])
def test_scaling_weights_is_scaling_the_channels_before_and_after(upsample: bool) -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(6, 4, 3, upsample=upsample)
    x, codes = torch.randn(2, 6, 5, 5), torch.randn(2, 512)
    style = layer.modulation(codes)
    plain = layer.weight[0] / 54**0.5
    scaled = x * style[:, :, None, None]
    if upsample:
        y = layer.blur(F.conv_transpose2d(scaled, plain.transpose(0, 1), stride=2))
    else:
        y = F.conv2d(scaled, plain, padding=1)
    deviation = torch.einsum("oikl,bi->bo", plain.square(), style.square()).sqrt()
    torch.testing.assert_close(layer(x, codes), y / deviation[:, :, None, None], rtol=1e-4, atol=1e-5)


def test_demodulation_gives_unit_variance() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(16, 8, 3)
    y = layer(torch.randn(1, 16, 128, 128), 3 * torch.randn(1, 512))[..., 1:-1, 1:-1]
    torch.testing.assert_close(y.var((0, 2, 3)), torch.ones(8), rtol=0.06, atol=0)


def test_learning_rate_of_the_mapping_is_a_factor_of_weight_and_bias() -> None:
    torch.manual_seed(0)
    layer = EqualLinear(64, 32, bias=2.0, rate=0.01)
    assert 80 < layer.weight.std() < 120
    expected = torch.full((32,), 0.02) + torch.ones(64) @ layer.weight.T * 0.01 / 8
    torch.testing.assert_close(layer(torch.ones(1, 64))[0], expected)


def test_the_same_codes_draw_the_same_face(generator: StyleGAN2Generator) -> None:
    codes = torch.randn(2, 8, 512)
    image, features = generator(codes)
    assert image.shape == (2, 3, 32, 32)
    assert [features.shape[-1] for features in features] == [8, 16, 32]
    assert torch.equal(generator(codes)[0], image)
    torch.testing.assert_close(generator(codes[1:])[0], image[1:], rtol=1e-3, atol=1e-3)


def test_fresh_noise_draws_another(generator: StyleGAN2Generator) -> None:
    codes = torch.randn(1, 8, 512).expand(2, -1, -1)
    image, _ = generator(codes, random_noise=True)
    assert not torch.allclose(image[0], image[1], atol=0.1)


def test_each_code_reaches_its_layer_and_no_coarser_one(generator: StyleGAN2Generator) -> None:
    codes = torch.randn(1, 8, 512)
    _, before = generator(codes)
    codes[:, 5] += 1
    _, after = generator(codes)
    changed = [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert changed == [False, False, True]


def test_added_channel_is_the_mean_deviation_of_the_group() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 3, 4, 4)
    with_channel = with_standard_deviation(x)
    assert torch.equal(with_channel[:, :3], x)
    for member in range(8):
        group = x[member % 2 :: 2].numpy()
        assert with_channel[member, 3].numpy() == pytest.approx(group.std(0).mean(), rel=1e-5)
