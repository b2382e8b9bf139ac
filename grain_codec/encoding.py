"""Faces to symbols: what an encoder chooses within its limits, for each kind of model.

The two encoders have the same methods; what a whole file is, they are told by the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grain_codec.errors import TooLarge
from grain_codec.low_resolution import largest_payload
from grain_codec.model.grain import Face1024
from grain_codec.model.grain2022.grain import Grain2022
from grain_codec.model.outputs import ReciprocalNetworks
from grain_codec.model.rescaling import Analysis
from grain_codec.payloads import FaceCoder, SampleCoder, Samples
from grain_codec.search import Search, symbols_of
from grain_codec.symbols import Symbols

NOISIEST_BASE = 33
"""Largest base of an LR image that the encoder makes, so that it shows the face at about 28 dB and better."""

MOST_PAYLOAD = largest_payload(NOISIEST_BASE)
MOST_FILE_BYTES = 1 << 24
"""More than any file of either carrier."""


@dataclass(frozen=True)
class Request:
    """What a user asks of one face.

    Attributes:
        quality: 1 to 8; without effect where there is a byte limit.
        max_bytes: the most bytes of the whole file, or None.
        effort: 0 to 9.
        write: makes the whole file of symbols, and of the fine quality and payload that they are coded as.
    """

    quality: int
    max_bytes: int | None
    effort: int
    write: Callable[[Symbols | Samples, tuple[int, bytes]], bytes]


class SampleEncoder:
    """Of the published kind: one pass and one quality, whatever quality or effort is asked for."""

    def __init__(self, networks: Grain2022, coder: SampleCoder):
        self._networks, self._coder = networks, coder

    def encode(self, images: Tensor, requests: Sequence[Request]) -> list[bytes | TooLarge]:
        """The files of faces `[B, 3, S, S]` in [0, 1], one request each.

        A TooLarge takes the place of a file that is larger than asked for; its text names the size.
        """
        return [self._encode(image, request) for image, request in zip(images.split(1), requests)]

    def _encode(self, image: Tensor, request: Request) -> bytes | TooLarge:
        symbols = self.analyse(image)
        data = request.write(symbols, self._coder.encode(symbols))
        if request.max_bytes is not None and len(data) > request.max_bytes:
            return TooLarge(f"does not fit in {request.max_bytes} bytes; the only size possible is {len(data)} bytes")
        return data

    @torch.inference_mode()
    def analyse(self, image: Tensor, fine_quality: int = 0) -> Samples:
        """The symbols of a face `[1, 3, S, S]` in [0, 1]; there is no other fine quality."""
        samples = self._networks.analyse(image)[0].permute(1, 2, 0)
        return Samples(np.ascontiguousarray(samples.to(torch.uint8).cpu().numpy()))


class FaceEncoder:
    """Of face-1024: the finest quantiser steps that fit, and from effort 1 on a search for nearer symbols."""

    def __init__(self, networks: Face1024, coder: FaceCoder):
        self._rescaling, self._coder, self._spec = networks.rescaling, coder, networks.spec

    def encode(self, images: Tensor, requests: Sequence[Request]) -> list[bytes | TooLarge]:
        """The files of faces `[B, 3, S, S]` in [0, 1], one request each; see `SampleEncoder.encode`.

        The faces of a batch are analysed together, each at the fine quality that its bisection has come to.
        """
        thumbnails, views = self._views(images)
        bisections = [Bisection(*self._limits(request)) for request in requests]
        while open_ones := [index for index, each in enumerate(bisections) if not each.ended]:
            chosen = slice(None) if len(open_ones) == len(images) else open_ones
            qualities = [bisections[index].fine_quality for index in open_ones]
            found = self._analyse(thumbnails[chosen], views[chosen], qualities)
            for index, symbols in zip(open_ones, found):
                bisection, request = bisections[index], requests[index]
                bisection.take(symbols, self._written(symbols, bisection.most_bytes, request))
        faces = zip(thumbnails.split(1), views.split(1), bisections, requests)
        return [self._chosen(*face) for face in faces]

    def analyse(self, image: Tensor, fine_quality: int) -> Symbols:
        """The symbols of a face `[1, 3, S, S]` in [0, 1] at a fine quality."""
        return self._analyse(*self._views(image), [fine_quality])[0]

    @torch.inference_mode()
    def _views(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self._rescaling.views(image)

    @torch.inference_mode()
    def _analyse(self, thumbnails: Tensor, views: Tensor, fine_qualities: Sequence[int]) -> list[Symbols]:
        """The symbols of some faces, each at a fine quality of its own."""
        steps = [self._spec.detail_step(fine_quality) for fine_quality in fine_qualities]
        found = self._rescaling.analyse(thumbnails, views, torch.tensor(steps, device=views.device))
        parts = zip(*(each.split(1) for each in vars(found).values()))
        return [symbols_of(Analysis(*part), fine_quality) for part, fine_quality in zip(parts, fine_qualities)]

    def _limits(self, request: Request) -> tuple[int, int]:
        """The highest fine quality and the most bytes that a request allows."""
        levels = self._spec.quality_levels
        if request.quality > len(levels):
            raise ValueError(f"quality {request.quality} is outside 1..{len(levels)}")
        if request.max_bytes is None:
            return levels[request.quality - 1], MOST_FILE_BYTES
        return self._spec.fine_qualities - 1, request.max_bytes

    def _written(self, symbols: Symbols, most_bytes: int, request: Request) -> bytes | None:
        """The file of symbols; None where they break the limit of the LR image's noise or of the bytes."""
        stored = self._coder.encode(symbols)
        if len(stored[1]) > MOST_PAYLOAD:
            return None
        data = request.write(symbols, stored)
        return data if len(data) <= most_bytes else None

    def _chosen(self, thumbnail: Tensor, view: Tensor, bisection: Bisection, request: Request) -> bytes | TooLarge:
        """What is best of one face, after a search where there is an effort."""
        if bisection.best is None:
            return self._refusal(thumbnail, view, bisection.most_bytes, request)
        symbols, data = bisection.best
        if not request.effort:
            return data
        most_bytes = request.max_bytes or len(data)

        def fits(symbols: Symbols) -> bool:
            return self._written(symbols, most_bytes, request) is not None

        symbols = Search(self._rescaling, self._coder.levels, thumbnail, view, fits).run(symbols, request.effort)
        return request.write(symbols, self._coder.encode(symbols))

    def _refusal(self, thumbnail: Tensor, view: Tensor, most_bytes: int, request: Request) -> TooLarge:
        """Why not even the lowest quality will do."""
        [coarsest] = self._analyse(thumbnail, view, [0])
        stored = self._coder.encode(coarsest)
        if len(stored[1]) > MOST_PAYLOAD:
            return TooLarge("too busy for an LR image, even at the lowest quality")
        smallest = len(request.write(coarsest, stored))
        return TooLarge(f"does not fit in {most_bytes} bytes; the smallest size possible is {smallest} bytes")


class Bisection:
    """Looks for the highest fine quality whose file keeps to its limits.

    Attributes:
        most_bytes: the limit of the file.
        fine_quality: the next to try.
        best: symbols and file of the highest that was found to fit.
    """

    def __init__(self, finest: int, most_bytes: int):
        self.most_bytes, self.fine_quality = most_bytes, finest
        self.best: tuple[Symbols, bytes] | None = None
        self._lowest, self._highest = 0, finest

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to try."""
        return self._lowest > self._highest

    def take(self, symbols: Symbols, data: bytes | None) -> None:
        """Goes on from what `fine_quality` gave: its symbols and their file, None where it does not fit."""
        if data is None:
            self._highest = self.fine_quality - 1
        else:
            self.best, self._lowest = (symbols, data), self.fine_quality + 1
        self.fine_quality = (self._lowest + self._highest + 1) // 2


def encoder_of(networks: ReciprocalNetworks, coder: FaceCoder | SampleCoder) -> FaceEncoder | SampleEncoder:
    """The encoder that goes with networks of either kind."""
    if isinstance(networks, Grain2022):
        assert isinstance(coder, SampleCoder)
        return SampleEncoder(networks, coder)
    assert isinstance(networks, Face1024) and isinstance(coder, FaceCoder)
    return FaceEncoder(networks, coder)
