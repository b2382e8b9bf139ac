"""Encoder of face-1024: the finest quantiser steps that fit, and from effort 1 on a search for nearer symbols."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grain_codec.coding import lr_image
from grain_codec.coding.grid import MOST_PAYLOAD
from grain_codec.errors import TooLarge
from grain_codec.models.face1024.coder import Face1024Coder
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.search import Candidate, Search, SearchLimits
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.family import Code, Encoder, Payload, Request

MOST_FILE_BYTES = 1 << 24  # More than any file of either carrier.

FILLED_HEAD = lr_image.largest_payload(30)
"""Bytes of the longest payload that a search puts into the LR image alone. One pass leaves some bytes unused and a
search does not, so with a larger base the mean LR image would show the face at less than 28 dB."""

FaceRequest = Request[Face1024Symbols]


class Face1024Encoder(Encoder[Face1024Symbols]):
    """Looks for the best fine quality by bisection, all faces of a batch together."""

    def __init__(self, networks: Face1024, coder: Face1024Coder):
        self._rescaling, self._coder, self._spec = networks.rescaling, coder, networks.spec

    def encode(
        self, images: Tensor, requests: Sequence[FaceRequest], code: Code[Face1024Symbols] | None = None
    ) -> list[bytes | TooLarge]:
        """See `Encoder.encode`. Faces are analysed together, each at its own fine quality, and searched in turn."""
        thumbnails, views = self._views(images)
        bisections = [Bisection(request, *self._limits(request)) for request in requests]
        while open_ones := [index for index, each in enumerate(bisections) if not each.ended]:
            chosen = slice(None) if len(open_ones) == len(images) else open_ones
            qualities = [bisections[index].fine_quality for index in open_ones]
            found = self._analyse(thumbnails[chosen], views[chosen], qualities)
            payloads = map(self._coder.encode, found) if code is None else code(found)
            for index, symbols, payload in zip(open_ones, found, payloads):
                bisections[index].take(symbols, payload)
        self._search(images, bisections)
        faces = zip(thumbnails.split(1), views.split(1), bisections)
        return [face[2].best.file if face[2].best else self._refusal(*face) for face in faces]

    def analyse(self, image: Tensor, fine_quality: int) -> Face1024Symbols:
        """See `Encoder.analyse`."""
        return self._analyse(*self._views(image), [fine_quality])[0]

    @torch.inference_mode()
    def _views(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self._rescaling.views(image)

    @torch.inference_mode()
    def _analyse(self, thumbnails: Tensor, views: Tensor, fine_qualities: Sequence[int]) -> list[Face1024Symbols]:
        """The symbols of some faces, each at a fine quality of its own."""
        steps = [self._spec.detail_step(fine_quality) for fine_quality in fine_qualities]
        found = self._rescaling.analyse(thumbnails, views, views.new_tensor(steps))
        levels = (each.round().long().cpu().numpy() for each in (found.thumbnail_levels, found.detail_levels))
        return [Face1024Symbols(*face) for face in zip(*levels, fine_qualities)]

    def _limits(self, request: FaceRequest) -> tuple[int, int]:
        """The highest fine quality and the most bytes that a request allows."""
        settings = request.settings
        if settings.max_bytes is None:
            return self._spec.fine_quality_of(settings.quality), MOST_FILE_BYTES
        return self._spec.fine_qualities - 1, settings.max_bytes

    def _search(self, images: Tensor, bisections: Sequence[Bisection]) -> None:
        """Replaces what the bisections found by what a search finds from there on, where there is an effort."""
        for image, each in zip(images.split(1), bisections):
            effort = each.request.settings.effort
            if effort and each.best is not None:
                limits = self._search_limits(each)
                each.best = Search(self._rescaling, self._coder.levels, image, limits).run(effort)

    def _search_limits(self, bisection: Bisection) -> SearchLimits:
        """A search makes a file no longer than the one at hand, or than was asked for."""
        assert bisection.best is not None
        request, length = bisection.request, len(bisection.best.file)
        most_bytes = request.settings.max_bytes or length
        most_payload = min(most_bytes - (length - bisection.payload_bytes), MOST_PAYLOAD)
        if most_payload <= lr_image.MOST_HEAD:
            most_payload = min(most_payload, max(FILLED_HEAD, bisection.payload_bytes))

        def write(symbols: Face1024Symbols) -> bytes | None:
            payload = self._coder.encode(symbols)
            return _file_within(most_bytes, request, symbols, payload) if len(payload.data) <= most_payload else None

        return SearchLimits(bisection.best, 8 * most_payload, write)

    def _refusal(self, thumbnail: Tensor, view: Tensor, bisection: Bisection) -> TooLarge:
        """The error for a face `[1, 3, 16, 16]`, `[1, 3, V, V]` that is too large even at the lowest quality."""
        [coarsest] = self._analyse(thumbnail, view, [0])
        payload = self._coder.encode(coarsest)
        if len(payload.data) > MOST_PAYLOAD:
            return TooLarge(f"too busy for a payload of {MOST_PAYLOAD} bytes, even at the lowest quality")
        smallest, most = len(bisection.request.write(coarsest, payload)), bisection.most_bytes
        return TooLarge(f"does not fit in {most} bytes; the smallest size possible is {smallest} bytes")


class Bisection:
    """Looks for the highest fine quality whose file keeps to its limits; `fine_quality` is the next to try."""

    def __init__(self, request: FaceRequest, finest: int, most_bytes: int):
        self.request, self.fine_quality, self.most_bytes = request, finest, most_bytes
        self.best: Candidate | None = None
        self.payload_bytes = 0
        self._lowest, self._highest = 0, finest

    @property
    def ended(self) -> bool:
        """Tells whether there is nothing left to try."""
        return self._lowest > self._highest

    def take(self, symbols: Face1024Symbols, payload: Payload) -> None:
        """Goes on from the symbols at `fine_quality` and their payload."""
        data = _file_within(self.most_bytes, self.request, symbols, payload)
        if data is None:
            self._highest = self.fine_quality - 1
        else:
            self.best, self.payload_bytes = Candidate(symbols, data), len(payload.data)
            self._lowest = self.fine_quality + 1
        self.fine_quality = (self._lowest + self._highest + 1) // 2


def _file_within(most_bytes: int, request: FaceRequest, symbols: Face1024Symbols, payload: Payload) -> bytes | None:
    """The file of symbols; None where it or the payload is longer than allowed."""
    if len(payload.data) > MOST_PAYLOAD:
        return None
    data = request.write(symbols, payload)
    return data if len(data) <= most_bytes else None
