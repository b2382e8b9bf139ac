"""The fusion module: features of the rescaling module and of the prior module -> the final face."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.models.grain2022.layers import SqueezeExcitation, conv3x3, leaky_convolutions
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.grain2022.stylegan2 import FEATURE_MAPS


class Fusion(nn.Module):
    """Weights and mixes the features of both modules at the three finest sizes, and then all of them at the finest."""

    def __init__(self, spec: Grain2022Spec):
        super().__init__()
        # At each size the mixed features have as many channels as the generator's.
        fused = spec.generator_channels[-FEATURE_MAPS:]
        for index, channels in enumerate(fused, start=1):
            both = spec.width + channels
            self.add_module(f"se{index}", SqueezeExcitation(both))
            self.add_module(f"conv{index}", nn.Sequential(*leaky_convolutions(both, channels, channels)))
        self.se4 = SqueezeExcitation(sum(fused))
        coarse, middle, _ = fused
        self.out = nn.Sequential(*leaky_convolutions(sum(fused), coarse, coarse, middle, middle), conv3x3(middle, 3))

    def forward(self, rescaling: list[Tensor], generated: list[Tensor]) -> Tensor:
        """`fused`, `[B, 3, S, S]` of the finest size, nominally in [-1, 1] and not clamped.

        It takes the features of the rescaling module, `[B, 64, S, S]`, and of the generator, `[B, C, S, S]` with C =
        128, 64, 32, at the three finest sizes S. The pictures `rescaled` and `prior` are not used.
        """
        size = rescaling[-1].shape[-2:]
        mixed = torch.cat(
            [
                F.interpolate(self._mix(index, pair), size, mode="nearest")
                for index, pair in enumerate(zip(rescaling, generated, strict=True), start=1)
            ],
            1,
        )
        fused: Tensor = self.out(self.se4(mixed))
        return fused

    def _mix(self, index: int, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Mixes both modules' features of one size into `[B, C, S, S]`, C = 128, 64, 32."""
        weighted = self.get_submodule(f"se{index}")(torch.cat(pair, 1))
        features: Tensor = self.get_submodule(f"conv{index}")(weighted)
        return features
