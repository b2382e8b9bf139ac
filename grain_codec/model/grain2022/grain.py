"""The whole published system: a face down to its LR image, and up again in three pictures.

"Faithful Extreme Rescaling via Generative Prior Reciprocated Invertible Representations", CVPR 2022.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from grain_codec.model.grain2022.fusion import Fusion
from grain_codec.model.grain2022.prior import GenerativePrior
from grain_codec.model.grain2022.rescaling import InvRRDB, quantise


class Decoded(NamedTuple):
    """Pictures `[B, 3, 1024, 1024]`, nominally in [-1, 1] and not clamped.

    Attributes:
        rescaled: what the rescaling module decodes by itself.
        prior: what the generator draws.
        fused: what is drawn from both modules' features; the result.
    """

    rescaled: Tensor
    prior: Tensor
    fused: Tensor


class Grain2022(nn.Module):
    """The three modules; each has a released file of its own, whose keys are that module's."""

    def __init__(self) -> None:
        super().__init__()
        self.rescaling = InvRRDB()
        self.prior = GenerativePrior()
        self.fusion = Fusion()

    def encode(self, image: Tensor) -> Tensor:
        """`[B, 3, 1024, 1024]` in [-1, 1] -> the LR image `[B, 3, 16, 16]`, not yet quantised."""
        return self.rescaling.enc(image)

    def quantise(self, lr: Tensor, additive_noise: bool = False) -> Tensor:
        """`[B, 3, 16, 16]` -> the same in the 256 levels of [-1, 1] that a file holds; see `rescaling.quantise`."""
        return quantise(lr, additive_noise)

    def decode(self, lr: Tensor, random_noise: bool = False) -> Decoded:
        """Decodes a quantised LR image.

        Args:
            lr: `[B, 3, 16, 16]` in [-1, 1].
            random_noise: see `GenerativePrior`.
        """
        rescaled, features = self.rescaling.dec(lr)
        prior, generated = self.prior(features, random_noise)
        return Decoded(rescaled, prior, self.fusion(features[-len(generated) :], generated))

    def forward(self, image: Tensor) -> Decoded:
        """`[B, 3, 1024, 1024]` in [-1, 1] -> what comes back of it through its 8-bit LR image."""
        return self.decode(self.quantise(self.encode(image)))
