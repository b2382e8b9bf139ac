"""The family face-1024."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from grain_codec.models.face1024.coder import Face1024Coder
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.family import Coder, Encoder, ModelFamily, Tensors

if TYPE_CHECKING:
    import torch

    from grain_codec.models.face1024.networks import Face1024
    from grain_codec.models.networks import ReciprocalNetworks

GPU_BATCH = 16
CPU_BATCH = 1


class Face1024Family(ModelFamily[Face1024Spec, Face1024Symbols]):
    """Small networks, and quantised symbols of many qualities."""

    spec_type = Face1024Spec
    training_module = "grain_codec.training.face1024"

    most_threads = 2
    """On two idle cores a second thread nearly halves the network's time and a search's, as a row for each number of
    `python -m grain_codec.benchmarks.speed` shows. What more threads would give was not measured."""

    def coder(self, spec: Face1024Spec, tensors: Tensors) -> Face1024Coder:
        """See `ModelFamily.coder`."""
        return Face1024Coder(spec, tensors)

    def build_networks(self, spec: Face1024Spec, modules: Collection[str]) -> Face1024:
        """See `ModelFamily.build_networks`; the spec says which modules there are."""
        from grain_codec.models.face1024.networks import Face1024

        return Face1024(spec)

    def encoder(self, networks: ReciprocalNetworks, coder: Coder[Face1024Symbols]) -> Encoder[Face1024Symbols]:
        """See `ModelFamily.encoder`."""
        from grain_codec.models.face1024.encoder import Face1024Encoder
        from grain_codec.models.face1024.networks import Face1024

        return Face1024Encoder(cast(Face1024, networks), cast(Face1024Coder, coder))

    def usual_batch(self, device: torch.device) -> int:
        """See `ModelFamily.usual_batch`."""
        return GPU_BATCH if device.type == "cuda" else CPU_BATCH

    def usual_dtype(self, device: torch.device) -> torch.dtype:
        """See `ModelFamily.usual_dtype`: float16 on a GPU."""
        import torch

        return torch.float16 if device.type == "cuda" else torch.float32
