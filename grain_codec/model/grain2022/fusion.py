"""The upscaling priors decoding module: features of the rescaling and the prior module -> the final face."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.model.grain2022.residual_dense import WIDTH, conv3x3, leaky_convolutions
from grain_codec.model.grain2022.squeeze_excitation import SqueezeExcitation

GENERATED = (128, 64, 32)
"""Channels of the generator's features at 256, 512 and 1024."""

FUSED = (128, 64, 32)
"""Channels of what is made of both modules' features at 256, 512 and 1024."""


class Fusion(nn.Module):
    """Weighs and mixes both modules' features at three sizes, then all of them at the finest."""

    def __init__(self) -> None:
        super().__init__()
        for index, (generated, fused) in enumerate(zip(GENERATED, FUSED, strict=True), start=1):
            self.add_module(f"se{index}", SqueezeExcitation(WIDTH + generated))
            self.add_module(f"conv{index}", nn.Sequential(*leaky_convolutions(WIDTH + generated, fused, fused)))
        self.se4 = SqueezeExcitation(sum(FUSED))
        self.out = nn.Sequential(*leaky_convolutions(sum(FUSED), 128, 128, 64, 64), conv3x3(64, 3))

    def forward(self, rescaling: list[Tensor], generated: list[Tensor]) -> Tensor:
        """Draws the final face. `rescaled` and `prior` themselves are not looked at.

        Args:
            rescaling: features of the rescaling module, `[B, 64, S, S]` for S = 256, 512, 1024.
            generated: features of the generator, `[B, C, S, S]` for the same sizes, C = 128, 64, 32.

        Returns:
            `fused`, `[B, 3, 1024, 1024]`, nominally in [-1, 1] and not clamped.
        """
        size = rescaling[-1].shape[-2:]
        mixed = torch.cat(
            [
                F.interpolate(self._mix(index, pair), size, mode="nearest")
                for index, pair in enumerate(zip(rescaling, generated, strict=True), start=1)
            ],
            1,
        )
        return self.out(self.se4(mixed))

    def _mix(self, index: int, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Both modules' features of one size -> `[B, C, S, S]`, C = 128, 64, 32."""
        weighted = self.get_submodule(f"se{index}")(torch.cat(pair, 1))
        return self.get_submodule(f"conv{index}")(weighted)
