"""The networks of a model, assembled from its spec.

`rescaling` carries the face down to symbols and back. The other two modules of the reciprocal whole,
the scale-specific generative prior and the fusion that joins it with `rescaled`, take their place
beside it under the keys `prior` and `fusion`.
"""

from __future__ import annotations

from torch import nn

from grain_codec.model.rescaling import Rescaling
from grain_codec.spec import ModelSpec


def build_networks(spec: ModelSpec) -> nn.ModuleDict:
    """Fresh networks of a model."""
    return nn.ModuleDict({"rescaling": Rescaling(spec)})
