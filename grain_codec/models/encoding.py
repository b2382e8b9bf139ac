"""Faces to symbols: what an encoder chooses within its limits, for each kind of model.

The two encoders have the same methods; what a whole file is, they are told by the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grain_codec.coding.lr_image import largest_payload
from grain_codec.errors import TooLarge
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.search import Search, Wish
from grain_codec.models.face1024.symbols import Symbols
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.payloads import AnySymbols, Code, FaceCoder, SampleCoder, Samples, Stored

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
    write: Callable[[AnySymbols, Stored], bytes]


class SampleEncoder:
    """Of the published kind: one pass and one quality, whatever quality or effort is asked for."""

    def __init__(self, networks: Grain2022, coder: SampleCoder):
        self._networks, self._coder = networks, coder

    def encode(self, images: Tensor, requests: Sequence[Request], code: Code | None = None) -> list[bytes | TooLarge]:
        """The files of faces `[B, 3, S, S]` in [0, 1], one request each, coded by `code` or here.

        A TooLarge takes the place of a file that is larger than asked for; its text names the size.
        """
        symbols = [self.analyse(image) for image in images.split(1)]
        return list(map(self._file, requests, symbols, _coded(symbols, self._coder, code)))

    def _file(self, request: Request, symbols: Samples, stored: Stored) -> bytes | TooLarge:
        data = request.write(symbols, stored)
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

    def encode(self, images: Tensor, requests: Sequence[Request], code: Code | None = None) -> list[bytes | TooLarge]:
        """The files of faces `[B, 3, S, S]` in [0, 1], one request each; see `SampleEncoder.encode`.

        The faces of a batch are analysed together, each at the fine quality that its bisection has come to,
        and searched together.
        """
        thumbnails, views = self._views(images)
        bisections = [Bisection(*self._limits(request)) for request in requests]
        while open_ones := [index for index, each in enumerate(bisections) if not each.ended]:
            chosen = slice(None) if len(open_ones) == len(images) else open_ones
            qualities = [bisections[index].fine_quality for index in open_ones]
            found = self._analyse(thumbnails[chosen], views[chosen], qualities)
            for index, symbols, stored in zip(open_ones, found, _coded(found, self._coder, code)):
                bisection, request = bisections[index], requests[index]
                bisection.take(symbols, _written(symbols, stored, bisection.most_bytes, request))
        self._search(images, bisections, requests)
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
        found = self._rescaling.analyse(thumbnails, views, views.new_tensor(steps))
        levels = (each.round().long().cpu().numpy() for each in (found.thumbnail_levels, found.detail_levels))
        return [Symbols(*face) for face in zip(*levels, fine_qualities)]

    def _limits(self, request: Request) -> tuple[int, int]:
        """The highest fine quality and the most bytes that a request allows."""
        levels = self._spec.quality_levels
        if request.quality > len(levels):
            raise ValueError(f"quality {request.quality} is outside 1..{len(levels)}")
        if request.max_bytes is None:
            return levels[request.quality - 1], MOST_FILE_BYTES
        return self._spec.fine_qualities - 1, request.max_bytes

    def _search(self, images: Tensor, bisections: Sequence[Bisection], requests: Sequence[Request]) -> None:
        """Replaces what the bisections found by what a search finds from there on, where there is an effort."""
        found = [index for index, each in enumerate(bisections) if each.best is not None]
        for effort in sorted({requests[index].effort for index in found} - {0}):
            faces = [index for index in found if requests[index].effort == effort]
            wishes = [self._wish(bisections[index], requests[index]) for index in faces]
            searched = Search(self._rescaling, self._coder.levels, images[faces], wishes).run(effort)
            for index, symbols in zip(faces, searched):
                bisections[index].best = symbols, requests[index].write(symbols, self._coder.encode(symbols))

    def _wish(self, bisection: Bisection, request: Request) -> Wish:
        """What a search may do: make a file no longer than the one at hand, or than was asked for."""
        symbols, data = bisection.best
        most_bytes = request.max_bytes or len(data)

        def fits(symbols: Symbols) -> bool:
            return _written(symbols, self._coder.encode(symbols), most_bytes, request) is not None

        overhead = len(data) - len(self._coder.encode(symbols)[1])
        return Wish(symbols, 8 * min(most_bytes - overhead, MOST_PAYLOAD), fits)

    def _chosen(self, thumbnail: Tensor, view: Tensor, bisection: Bisection, request: Request) -> bytes | TooLarge:
        """The file of one face, or why there is none."""
        if bisection.best is None:
            return self._refusal(thumbnail, view, bisection.most_bytes, request)
        return bisection.best[1]

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


def _coded(symbols: Sequence[AnySymbols], coder: FaceCoder | SampleCoder, code: Code | None) -> Iterable[Stored]:
    """Fine quality and payload of each face."""
    return map(coder.encode, symbols) if code is None else code(symbols)


def _written(symbols: Symbols, stored: Stored, most_bytes: int, request: Request) -> bytes | None:
    """The file of symbols; None where they break the limit of the LR image's noise or of the bytes."""
    if len(stored[1]) > MOST_PAYLOAD:
        return None
    data = request.write(symbols, stored)
    return data if len(data) <= most_bytes else None


def encoder_of(networks: ReciprocalNetworks, coder: FaceCoder | SampleCoder) -> FaceEncoder | SampleEncoder:
    """The encoder that goes with networks of either kind."""
    if isinstance(networks, Grain2022):
        assert isinstance(coder, SampleCoder)
        return SampleEncoder(networks, coder)
    assert isinstance(networks, Face1024) and isinstance(coder, FaceCoder)
    return FaceEncoder(networks, coder)
