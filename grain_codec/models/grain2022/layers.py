"""Layers of the published networks: 3x3 convolutions, residual dense blocks, squeeze and excitation."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.2  # Slope of every leaky rectifier below zero.
RESIDUAL_SCALE = 0.2  # The factor of a residual before it is added (Wang et al. 2018, "ESRGAN", section 3.1).


def conv3x3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps height and width, or divides them by the stride."""
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1)


def leaky_convolutions(*channels: int, stride: int = 1) -> list[nn.Module]:
    """3x3 convolutions from each number of channels to the next, each followed by a leaky rectifier.

    One number gives no convolution. The list is for `nn.Sequential`: convolutions are at even indices.
    """
    layers: list[nn.Module] = []
    for channels_in, channels_out in pairwise(channels):
        layers += [conv3x3(channels_in, channels_out, stride), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
    return layers


class ResidualDenseBlock(nn.Module):
    """x + 0.2 * the last of some convolutions, each of which sees x and the results of all before it.

    `[B, C, H, W]` -> `[B, C, H, W]`.
    """

    def __init__(self, width: int, growth: int, convolutions: int):
        """`width` is C, `growth` the channels that each convolution adds to the ones before."""
        super().__init__()
        self.convolutions = convolutions
        for index in range(convolutions):
            channels_out = growth if index < convolutions - 1 else width
            self.add_module(f"conv{index + 1}", conv3x3(width + index * growth, channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        seen = x
        for index in range(1, self.convolutions):
            grown = F.leaky_relu(self.get_submodule(f"conv{index}")(seen), LEAKY_SLOPE, inplace=True)
            seen = torch.cat([seen, grown], 1)
        last: Tensor = self.get_submodule(f"conv{self.convolutions}")(seen)
        return x + RESIDUAL_SCALE * last


class RRDB(nn.Module):
    """Residual in residual dense block (Wang et al. 2018, "ESRGAN", figure 4): x + 0.2 * dense blocks of x.

    `[B, C, H, W]` -> `[B, C, H, W]`. The usual one is of three dense blocks of five convolutions.
    """

    def __init__(self, width: int = 64, growth: int = 32, dense_blocks: int = 3, convolutions: int = 5):
        super().__init__()
        for index in range(dense_blocks):
            self.add_module(f"RDB{index + 1}", ResidualDenseBlock(width, growth, convolutions))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = x
        for dense_block in self.children():
            y = dense_block(y)
        return x + RESIDUAL_SCALE * y


def light_rrdb(width: int = 64, growth: int = 32) -> RRDB:
    """The block of the two finest scales, where cost counts most: one dense block of four convolutions."""
    return RRDB(width, growth, dense_blocks=1, convolutions=4)


class SqueezeExcitation(nn.Module):
    """x * sigmoid(fc2(relu(fc1(mean of x)))), without biases (Hu et al. 2018, equations 2 to 4).

    `[B, C, H, W]` -> `[B, C, H, W]`.
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        squeezed = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.fc2 = nn.Conv2d(squeezed, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(squeezed))))
