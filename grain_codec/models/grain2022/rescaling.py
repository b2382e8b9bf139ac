"""The extreme rescaling module (InvRRDB): image -> LR image -> `rescaled` and seven feature maps.

It is called invertible because its encoder and its decoder are trained together to be inverses of each other; both are
ordinary convolutional networks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.grain2022.layers import RRDB, conv3x3, leaky_convolutions, light_rrdb
from grain_codec.models.grain2022.spec import Grain2022Spec

LIGHT_SCALES = 2  # The largest sizes, at which the decoder has light blocks.
LEVELS = 255  # The largest 8-bit sample.


def quantise(lr: Tensor, additive_noise: bool = False) -> Tensor:
    """Rounds LR images `[B, 3, 16, 16]`, nominally in [-1, 1], to 8-bit samples, mapped back to [-1, 1].

    The gradient of rounding is that of the identity, and zero where a sample is clamped. `additive_noise` adds uniform
    noise that is one level wide instead of rounding, as the published program does in training and, by mistake, in its
    evaluation too; a file cannot hold the result.
    """
    samples = (lr + 1) / 2 * LEVELS
    moved = torch.rand_like(samples) - 0.5 if additive_noise else (samples.round() - samples).detach()
    return (samples + moved).clamp(0, LEVELS) / LEVELS * 2 - 1


class Encoder(nn.Module):
    """Strided convolutions from the face's size down to 16x16, and a trunk of RRDB there."""

    def __init__(self, spec: Grain2022Spec):
        super().__init__()
        width = spec.width
        self.conv_first = conv3x3(3, width)
        self.body = nn.Sequential(
            *[nn.Sequential(*leaky_convolutions(width, width, stride=2)) for _ in range(spec.halvings)]
        )
        self.RRDB_trunk = nn.Sequential(*[RRDB(width, spec.growth) for _ in range(spec.encoder_blocks)])
        self.trunk_conv = conv3x3(width, width)
        self.out = nn.Sequential(*leaky_convolutions(width, width), conv3x3(width, 3))

    def forward(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [-1, 1] -> the LR image `[B, 3, 16, 16]`, neither rounded nor clamped."""
        small = self.body(self.conv_first(image))
        lr: Tensor = self.out(small + self.trunk_conv(self.RRDB_trunk(small)))
        return lr


class Decoder(nn.Module):
    """A trunk of RRDB at each size from 16 to the face's, with nearest-neighbour doubling between them."""

    def __init__(self, spec: Grain2022Spec):
        super().__init__()
        width = spec.width
        self.sizes = [GRID << octave for octave in range(spec.halvings + 1)]
        self.conv_first = conv3x3(3, width)
        for size, blocks in zip(self.sizes, spec.decoder_blocks, strict=True):
            block = light_rrdb if size in self.sizes[-LIGHT_SCALES:] else RRDB
            self.add_module(f"RRDB_trunk{size}", nn.Sequential(*[block(width, spec.growth) for _ in range(blocks)]))
            self.add_module(f"trunk_conv{size}", conv3x3(width, width))
        self.out = nn.Sequential(*leaky_convolutions(width, width, width // 2), conv3x3(width // 2, 3))

    def forward(self, lr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """LR images `[B, 3, 16, 16]` in [-1, 1] -> `rescaled`, `[B, 3, S, S]`, nominally in [-1, 1] and not clamped.

        It also returns the feature maps `[B, C, s, s]` for s = 16, 32, ..., S; as published, C = 64 and S = 1024.
        """
        features: list[Tensor] = []
        x = self.conv_first(lr)
        for size in self.sizes:
            if features:
                x = F.interpolate(features[-1], scale_factor=2, mode="nearest")
            trunk = self.get_submodule(f"RRDB_trunk{size}")(x)
            features.append(x + self.get_submodule(f"trunk_conv{size}")(trunk))
        return self.out(features[-1]), features


class InvRRDB(nn.Module):
    """Encoder and decoder under the keys `enc` and `dec`; the quantiser between them has no parameters."""

    def __init__(self, spec: Grain2022Spec):
        super().__init__()
        self.enc = Encoder(spec)
        self.dec = Decoder(spec)

    def forward(self, image: Tensor, additive_noise: bool = False) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Encodes and decodes images `[B, 3, S, S]` in [-1, 1]; `additive_noise` as in `quantise`.

        Returns the quantised LR images `[B, 3, 16, 16]`, `rescaled` and the feature maps; see `Decoder`.
        """
        lr = quantise(self.enc(image), additive_noise)
        rescaled, features = self.dec(lr)
        return lr, rescaled, features
