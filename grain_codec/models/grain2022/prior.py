"""The generative prior module: feature maps -> W+ codes -> a generated face and the generator's features."""

import torch
from torch import Tensor, nn

from grain_codec.models.grain2022.layers import leaky_convolutions
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.grain2022.stylegan2 import StyleGAN2Generator

COARSE_BLOCKS = 3  # Style blocks that work at 16x16. Each larger size has one block.


class StyleBlock(nn.Module):
    """Gives two codes for one feature map, and the map at half its size for the next coarser block."""

    def __init__(self, width: int, code_channels: int, halvings: int):
        """`halvings` is how often the map must be halved to reach 16x16."""
        super().__init__()
        head = (width, width, 2 * width, 4 * width, code_channels)
        self.conv_first = nn.Sequential(*leaky_convolutions(width, width, stride=2)) if halvings else nn.Identity()
        self.convs = nn.Sequential(*leaky_convolutions(*[width] * max(halvings, 1), stride=2))
        self.convs1 = nn.Sequential(*leaky_convolutions(*head, stride=2))
        self.convs2 = nn.Sequential(*leaky_convolutions(*head, stride=2))
        self.linear1 = nn.Linear(code_channels, code_channels)
        self.linear2 = nn.Linear(code_channels, code_channels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, C, S, S]` -> codes `[B, 2, 512]`, and `[B, C, S / 2, S / 2]` or, if S is 16, `features`."""
        halved = self.conv_first(features)
        small = self.convs(halved)
        first = self.linear1(self.convs1(small).flatten(1))
        second = self.linear2(self.convs2(small).flatten(1))
        # The second head's code comes first, since it controls the coarser of the two layers.
        return torch.stack([second, first], 1), halved


class Fea2Code(nn.Module):
    """Feature maps of the rescaling module -> offsets from the generator's mean code in W+.

    There are three blocks at 16x16 and one at each larger size. Each block takes the feature map of its size plus the
    halved map of the next finer block.
    """

    def __init__(self, spec: Grain2022Spec):
        super().__init__()
        halvings = [0] * COARSE_BLOCKS + list(range(1, spec.halvings + 1))
        self.styles = nn.ModuleList(StyleBlock(spec.width, spec.code_channels, count) for count in halvings)

    def forward(self, features: list[Tensor]) -> Tensor:
        """`[B, 64, S, S]` for S = 16, 32, ..., 1024 -> `[B, 18, 512]`, starting with the coarsest layer's code."""
        pairs: list[Tensor] = []
        x = features[-1]
        for scale in reversed(range(len(features) - 1)):
            pair, halved = self.styles[COARSE_BLOCKS + scale](x)
            pairs.append(pair)
            x = features[scale] + halved
        pairs += [self.styles[index](x)[0] for index in reversed(range(COARSE_BLOCKS))]
        return torch.cat(pairs[::-1], 1)


class GenerativePrior(nn.Module):
    """Code encoder and StyleGAN2 generator, under the keys `encoder` and `decoder`.

    The generator is pretrained and never changes; only the encoder is trained.
    """

    latent_avg: Tensor

    def __init__(self, spec: Grain2022Spec, keeps_mean_code: bool = False):
        """With `keeps_mean_code` the state dict contains `latent_avg`, as in the published file of the generator."""
        super().__init__()
        self.encoder = Fea2Code(spec)
        self.decoder = StyleGAN2Generator(spec.image_size, spec.channels, spec.code_channels, spec.mapping_layers)
        self.register_buffer("latent_avg", torch.zeros(spec.code_channels), persistent=keeps_mean_code)

    def forward(self, features: list[Tensor], random_noise: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Generates the faces that feature maps `[B, 64, S, S]` for S = 16, 32, ..., 1024 describe.

        Returns `prior`, `[B, 3, 1024, 1024]`, nominally in [-1, 1] and not clamped, and the generator's features `[B,
        128, 256, 256]`, `[B, 64, 512, 512]`, `[B, 32, 1024, 1024]`. With `random_noise` the noise is new at every call,
        as in the published program; with the stored noise the output depends on the input alone.
        """
        generated: tuple[Tensor, list[Tensor]] = self.decoder(self.encoder(features) + self.latent_avg, random_noise)
        return generated
