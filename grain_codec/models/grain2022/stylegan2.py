"""StyleGAN2 in configuration F: the face generator and its discriminator, with convolutions in plain torch.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN". State-dict keys are those of the rosinality
implementation, because the generator's weights for faces are distributed in its layout.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.ops.biased_activation import biased_activation
from grain_codec.ops.upfirdn import upfirdn2d

CODE_CHANNELS = 512
MAPPING_LAYERS = 8
MAPPING_LEARNING_RATE = 0.01
CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
"""Channels of the feature maps of each size, as published."""

LEAKY_SLOPE = 0.2
EPSILON = 1e-8
FEATURE_MAPS = 3  # The number of feature maps that the generator returns, the finest ones.

STANDARD_DEVIATION_GROUP = 4


def leaky(x: Tensor) -> Tensor:
    """A leaky rectifier with the gain that keeps the variance of most inputs near one."""
    return F.leaky_relu(x, LEAKY_SLOPE) * math.sqrt(2)


class BinomialFilter(nn.Module):
    """Upsamples by `up` and filters with [1, 3, 3, 1] in both directions; the taps add up to `gain`."""

    kernel: Tensor

    def __init__(self, pad: tuple[int, int], up: int = 1, gain: float = 1.0):
        super().__init__()
        self.pad, self.up = pad, up
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", torch.outer(taps, taps) / 64 * gain)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return upfirdn2d(x, self.kernel, self.up, pad=self.pad)


class BiasedActivation(nn.Module):
    """`leaky` of a feature map `[B, C, H, W]` and a bias for each channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return biased_activation(x, self.bias)


class EqualLinear(nn.Module):
    """A linear layer with an equalised learning rate (Karras et al. 2018, section 4.1): `[B, N]` -> `[B, M]`."""

    def __init__(
        self, channels_in: int, channels_out: int, bias: float = 0.0, rate: float = 1.0, activated: bool = False
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in) / rate)
        self.bias = nn.Parameter(torch.full((channels_out,), bias))
        self.scale, self.rate, self.activated = rate / math.sqrt(channels_in), rate, activated

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return leaky(y) if self.activated else y


class EqualConv2d(nn.Module):
    """A convolution without bias, with an equalised learning rate."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel, kernel))
        self.scale = 1 / math.sqrt(channels_in * kernel * kernel)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class PixelNorm(nn.Module):
    """`[B, N]` divided by its root mean square."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + EPSILON)


class ModulatedConv2d(nn.Module):
    """A convolution whose weights are scaled by a code (Karras et al. 2020, equations 1 to 3)."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        demodulate: bool = True,
        upsample: bool = False,
        code_channels: int = CODE_CHANNELS,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels_out, channels_in, kernel, kernel))
        self.modulation = EqualLinear(code_channels, channels_in, bias=1.0)
        self.blur = BinomialFilter((1, 1), gain=4.0) if upsample else None
        self.scale = 1 / math.sqrt(channels_in * kernel * kernel)
        self.demodulate = demodulate

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """`[B, C, H, W]` and `[B, 512]` -> `[B, D, H, W]`, or `[B, D, 2 H, 2 W]` with upsampling."""
        batch, channels, height, width = x.shape
        weight = self.scale * self.weight * self.modulation(code)[:, None, :, None, None]
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + EPSILON)
        # Every picture of the batch has weights of its own, so each becomes a group of one grouped convolution.
        grouped = x.reshape(1, batch * channels, height, width)
        if self.blur is None:
            y = F.conv2d(grouped, weight.flatten(0, 1), padding=weight.shape[-1] // 2, groups=batch)
            return y.reshape(batch, -1, height, width)
        y = F.conv_transpose2d(grouped, weight.transpose(1, 2).flatten(0, 1), stride=2, groups=batch)
        blurred: Tensor = self.blur(y.reshape(batch, -1, *y.shape[2:]))
        return blurred


class NoiseInjection(nn.Module):
    """x + weight * noise; noise is `[1 or B, 1, H, W]`."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """See the class."""
        return x + self.weight * noise


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and activation."""

    def __init__(self, channels_in: int, channels_out: int, code_channels: int, upsample: bool = False):
        super().__init__()
        self.conv = ModulatedConv2d(channels_in, channels_out, 3, upsample=upsample, code_channels=code_channels)
        self.noise = NoiseInjection()
        self.activate = BiasedActivation(channels_out)

    def forward(self, x: Tensor, code: Tensor, noise: Tensor) -> Tensor:
        """`[B, C, H, W]`, `[B, 512]` and noise of the result's size -> `[B, D, H, W]` or twice that size."""
        activated: Tensor = self.activate(self.noise(self.conv(x, code), noise))
        return activated


class ToRGB(nn.Module):
    """Adds the contribution of a feature map to the upsampled picture of all coarser maps."""

    def __init__(self, channels: int, code_channels: int, upsample: bool = True):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.conv = ModulatedConv2d(channels, 3, 1, demodulate=False, code_channels=code_channels)
        self.upsample = BinomialFilter((2, 1), up=2, gain=4.0) if upsample else None

    def forward(self, x: Tensor, code: Tensor, coarser: Tensor | None = None) -> Tensor:
        """`[B, C, H, W]`, `[B, 512]` and `[B, 3, H / 2, W / 2]` -> `[B, 3, H, W]`."""
        rgb: Tensor = self.conv(x, code) + self.bias
        return rgb if self.upsample is None else rgb + self.upsample(coarser)


class ConstantInput(nn.Module):
    """The learnt 4x4 map that every face starts from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, batch: int) -> Tensor:
        """See the class."""
        return self.input.expand(batch, -1, -1, -1)


class StyleGAN2Generator(nn.Module):
    """Codes in W+, one for each layer -> a face and the generator's finest feature maps."""

    def __init__(
        self,
        size: int = 1024,
        channels: dict[int, int] = CHANNELS,
        code_channels: int = CODE_CHANNELS,
        mapping_layers: int = MAPPING_LAYERS,
    ):
        """`channels` gives those of the feature maps of each size from 4 to at least `size`."""
        super().__init__()
        mapping = [
            EqualLinear(code_channels, code_channels, rate=MAPPING_LEARNING_RATE, activated=True)
            for _ in range(mapping_layers)
        ]
        self.style = nn.Sequential(PixelNorm(), *mapping)
        self.input = ConstantInput(channels[4])
        self.conv1 = StyledConv(channels[4], channels[4], code_channels)
        self.to_rgb1 = ToRGB(channels[4], code_channels, upsample=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        sides = [side for side in channels if 4 < side <= size]
        for side in sides:
            self.convs.append(StyledConv(channels[side // 2], channels[side], code_channels, upsample=True))
            self.convs.append(StyledConv(channels[side], channels[side], code_channels))
            self.to_rgbs.append(ToRGB(channels[side], code_channels))
        for index, side in enumerate([4] + [side for side in sides for _ in range(2)]):
            self.noises.register_buffer(f"noise_{index}", torch.randn(1, 1, side, side))

    def forward(self, codes: Tensor, random_noise: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Draws faces `[B, 3, S, S]`, nominally in [-1, 1], from codes; the mapping network `style` is not used.

        For size 1024 the codes are `[B, 18, 512]`, that of the coarsest layer first. It also returns the feature maps
        of the three finest sizes: `[B, 128, 256, 256]`, `[B, 64, 512, 512]`, `[B, 32, 1024, 1024]`. `random_noise`
        draws new noise for every picture and call instead of using the stored noise maps.
        """
        noises = list(self.noises.buffers())
        if random_noise:
            noises = [torch.randn_like(noise.expand(len(codes), -1, -1, -1)) for noise in noises]
        x = self.conv1(self.input(len(codes)), codes[:, 0], noises[0])
        rgb = self.to_rgb1(x, codes[:, 1])
        features: list[Tensor] = []
        for block, to_rgb in enumerate(self.to_rgbs):
            for layer in (2 * block, 2 * block + 1):
                x = self.convs[layer](x, codes[:, layer + 1], noises[layer + 1])
            rgb = to_rgb(x, codes[:, 2 * block + 3], rgb)
            features.append(x)
        return rgb, features[-FEATURE_MAPS:]


def activated_convolution(channels_in: int, channels_out: int, kernel: int) -> nn.Sequential:
    """A convolution of the discriminator that keeps height and width."""
    convolution = EqualConv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, BiasedActivation(channels_out))


class HalvingBlock(nn.Module):
    """A residual block of the discriminator: `[B, C, H, W]` -> `[B, D, H / 2, W / 2]`."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv1 = activated_convolution(channels_in, channels_in, 3)
        self.conv2 = nn.Sequential(
            BinomialFilter((2, 2)), EqualConv2d(channels_in, channels_out, 3, stride=2), BiasedActivation(channels_out)
        )
        self.skip = nn.Sequential(BinomialFilter((1, 1)), EqualConv2d(channels_in, channels_out, 1, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        halved: Tensor = self.conv2(self.conv1(x)) + self.skip(x)
        return halved / math.sqrt(2)


def with_standard_deviation(x: Tensor) -> Tensor:
    """Adds a channel with the standard deviation over a group of the batch (Karras et al. 2018, section 3).

    `[B, C, H, W]` -> `[B, C + 1, H, W]`; B is below 4 or a multiple of 4.
    """
    group = min(len(x), STANDARD_DEVIATION_GROUP)
    deviation = (x.unflatten(0, (group, -1)).var(0, correction=0) + EPSILON).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)


class StyleGAN2Discriminator(nn.Module):
    """Face -> logit, which is positive for real faces."""

    def __init__(self, size: int = 1024, channels: dict[int, int] = CHANNELS):
        """`channels` gives those of the feature maps of each size from 4 to at least `size`."""
        super().__init__()
        sides = [side for side in sorted(channels, reverse=True) if 4 < side <= size]
        blocks = [HalvingBlock(channels[side], channels[side // 2]) for side in sides]
        self.convs = nn.Sequential(activated_convolution(3, channels[size], 1), *blocks)
        self.final_conv = activated_convolution(channels[4] + 1, channels[4], 3)
        self.final_linear = nn.Sequential(
            EqualLinear(channels[4] * 4 * 4, channels[4], activated=True), EqualLinear(channels[4], 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [-1, 1] -> `[B, 1]`."""
        x = self.final_conv(with_standard_deviation(self.convs(image)))
        logit: Tensor = self.final_linear(x.flatten(1))
        return logit
