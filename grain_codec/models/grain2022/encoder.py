"""Encoder of the published kind: one pass and one quality, whatever quality or effort is asked for."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from grain_codec.errors import TooLarge
from grain_codec.models.family import Code, Coder, Encoder, Payload, Request
from grain_codec.models.grain2022.coder import Grain2022Symbols
from grain_codec.models.grain2022.networks import Grain2022


class Grain2022Encoder(Encoder[Grain2022Symbols]):
    """Takes the LR image that the network makes of a face; there is nothing else to choose."""

    def __init__(self, networks: Grain2022, coder: Coder[Grain2022Symbols]):
        self._networks, self._coder = networks, coder

    def encode(
        self, images: Tensor, requests: Sequence[Request[Grain2022Symbols]], code: Code[Grain2022Symbols] | None = None
    ) -> list[bytes | TooLarge]:
        """See `Encoder.encode`."""
        symbols = [self.analyse(image) for image in images.split(1)]
        payloads = map(self._coder.encode, symbols) if code is None else code(symbols)
        return list(map(_file, requests, symbols, payloads))

    @torch.inference_mode()
    def analyse(self, image: Tensor, fine_quality: int = 0) -> Grain2022Symbols:
        """See `Encoder.analyse`; there is no other fine quality."""
        samples = self._networks.analyse(image)[0].permute(1, 2, 0)
        return Grain2022Symbols(np.ascontiguousarray(samples.to(torch.uint8).cpu().numpy()))


def _file(request: Request[Grain2022Symbols], symbols: Grain2022Symbols, payload: Payload) -> bytes | TooLarge:
    """The file of one face, or why it has none."""
    data, most_bytes = request.write(symbols, payload), request.settings.max_bytes
    if most_bytes is not None and len(data) > most_bytes:
        return TooLarge(f"does not fit in {most_bytes} bytes; the only size possible is {len(data)} bytes")
    return data
