"""The whole published system: a face down to its LR image, and up again in three pictures.

"Faithful Extreme Rescaling via Generative Prior Reciprocated Invertible Representations", CVPR 2022.

Everything here is a function of its input, and what is decoded is what a file holds. The published test
program differs in three ways, which `official_quirks` brings back: the LR image gets uniform noise instead of
being rounded, the generator draws fresh noise, and samples of pictures are cut to 8 bits instead of rounded.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from grain_codec.coding.grid import GRID
from grain_codec.models.grain2022.fusion import Fusion
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.rescaling import LEVELS, InvRRDB, quantise
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.spec import MODULES_FOR
from grain_codec.ops.pixels import image_to_pixels
from grain_codec.ops.unpack import unpack_low_resolution


class Decoded(NamedTuple):
    """Pictures `[B, 3, S, S]`, nominally in [-1, 1] and not clamped."""

    rescaled: Tensor  # The rescaling module's own picture.
    prior: Tensor  # The generator's picture.
    fused: Tensor  # The picture drawn from both modules' features; the result.


class Grain2022(ReciprocalNetworks):
    """The three modules; each has a released file of its own, whose keys are that module's."""

    spec: Grain2022Spec
    rescaling: InvRRDB
    prior: GenerativePrior
    fusion: Fusion

    def __init__(self, spec: Grain2022Spec, modules: Collection[str] = MODULES_FOR["fused"]):
        """`modules`: a model may lack `fusion`, or `prior` and `fusion`, and draws what is left then."""
        super().__init__()
        self.spec = spec
        if "rescaling" in modules:
            self["rescaling"] = InvRRDB(spec)
        if "prior" in modules:
            self["prior"] = GenerativePrior(spec, keeps_mean_code=True)
        if "fusion" in modules:
            self["fusion"] = Fusion(spec)

    def encode(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [-1, 1] -> the LR image `[B, 3, 16, 16]`, not yet quantised."""
        lr: Tensor = self.rescaling.enc(image)
        return lr

    def quantise(self, lr: Tensor, additive_noise: bool = False) -> Tensor:
        """`[B, 3, 16, 16]` -> the same in the 256 levels of [-1, 1] that a file holds; see `rescaling.quantise`."""
        return quantise(lr, additive_noise)

    def decode(self, lr: Tensor, random_noise: bool = False) -> Decoded:
        """Decodes quantised LR images `[B, 3, 16, 16]` in [-1, 1]; `random_noise` as in `GenerativePrior`."""
        rescaled, features = self.rescaling.dec(lr)
        prior, generated = self.prior(features, random_noise)
        return Decoded(rescaled, prior, self.fusion(features[-len(generated) :], generated))

    def forward(self, image: Tensor, official_quirks: bool = False) -> Decoded:
        """`[B, 3, S, S]` in [-1, 1] -> what comes back of it through its 8-bit LR image.

        With `official_quirks` as in the published test program, which no file can hold: noise on the LR image in place
        of rounding, and fresh noise in the generator.
        """
        return self.decode(self.quantise(self.encode(image), official_quirks), official_quirks)

    def analyse(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [0, 1] -> samples of the LR image `[B, 3, 16, 16]`, whole numbers 0 to 255 as floats."""
        return ((self.quantise(self.encode(image * 2 - 1)) + 1) / 2 * LEVELS).round()

    def draw(self, samples: Tensor, output: str) -> Tensor:
        """Draws faces `[B, 3, S, S]` in [0, 1] as one of `outputs`, with the stored noise.

        It takes samples of LR images, `[B, 3, 16, 16]`, whole numbers 0 to 255 as floats, and runs only the modules
        that it needs.
        """
        assert output in self.outputs
        picture, features = self.rescaling.dec(samples / LEVELS * 2 - 1)
        if output != "rescaled":
            picture, generated = self.prior(features)
        if output == "fused":
            picture = self.fusion(features[-len(generated) :], generated)
        drawn: Tensor = ((picture + 1) / 2).clamp(0, 1)
        return drawn

    def draw_records(self, records: Tensor, output: str) -> Tensor:
        """See `ReciprocalNetworks.draw_records`; a record is uint8 `[768]`."""
        samples = unpack_low_resolution(records.unflatten(1, (GRID, GRID, 3)))
        return image_to_pixels(self.draw(samples, output))

    def official_pictures(self, image: Tensor) -> dict[str, Tensor]:
        """See `ReciprocalNetworks.official_pictures`."""
        lr = self.quantise(self.encode(image * 2 - 1), additive_noise=True)
        found = {"lr": lr}
        found["rescaled"], features = self.rescaling.dec(lr)
        if "prior" in self:
            found["prior"], generated = self.prior(features, True)
            if "fusion" in self:
                found["fused"] = self.fusion(features[-len(generated) :], generated)
        return {name: to_samples(picture, official_quirks=True) for name, picture in found.items()}


def to_samples(picture: Tensor, official_quirks: bool = False) -> Tensor:
    """A picture `[B, 3, S, S]` in [-1, 1] as uint8 of the same shape.

    With `official_quirks` the fraction is cut off, as in the published test program, which darkens a picture by half a
    level; else it is rounded.
    """
    levels = ((picture + 1) / 2).clamp(0, 1) * LEVELS
    return (levels if official_quirks else levels.round()).to(torch.uint8)
