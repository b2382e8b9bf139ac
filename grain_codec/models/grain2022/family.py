"""The family grain-2022: models of the published kind."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from grain_codec.models.family import Coder, Encoder, ModelFamily, Tensors
from grain_codec.models.grain2022.coder import Grain2022Coder, Grain2022Symbols
from grain_codec.models.grain2022.spec import Grain2022Spec

if TYPE_CHECKING:
    import torch

    from grain_codec.models.grain2022.networks import Grain2022
    from grain_codec.models.networks import ReciprocalNetworks

GPU_BATCH = 4
"""The fusion holds 224 channels of 1024x1024 pixels for each face: 0.9 GB of float32, and as much again of what they
are made of."""

CPU_BATCH = 1


class Grain2022Family(ModelFamily[Grain2022Spec, Grain2022Symbols]):
    """Large networks, and an LR image whose samples are the symbols.

    The published networks were trained and are checked in float32 only, which is what `usual_dtype` says of them.
    """

    spec_type = Grain2022Spec
    training_module = "grain_codec.training.grain2022"
    without_weights = "`grain-weights import` puts the official ones there"

    def coder(self, spec: Grain2022Spec, tensors: Tensors) -> Grain2022Coder:
        """See `ModelFamily.coder`."""
        return Grain2022Coder()

    def build_networks(self, spec: Grain2022Spec, modules: Collection[str]) -> Grain2022:
        """See `ModelFamily.build_networks`."""
        from grain_codec.models.grain2022.networks import Grain2022

        return Grain2022(spec, modules)

    def encoder(self, networks: ReciprocalNetworks, coder: Coder[Grain2022Symbols]) -> Encoder[Grain2022Symbols]:
        """See `ModelFamily.encoder`."""
        from grain_codec.models.grain2022.encoder import Grain2022Encoder
        from grain_codec.models.grain2022.networks import Grain2022

        return Grain2022Encoder(cast(Grain2022, networks), coder)

    def usual_batch(self, device: torch.device) -> int:
        """See `ModelFamily.usual_batch`."""
        return GPU_BATCH if device.type == "cuda" else CPU_BATCH
