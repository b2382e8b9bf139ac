"""Batches of symbols to pixels on a device, without waiting for it.

On a GPU a batch crosses in one copy from pinned memory, the networks run as one CUDA graph, whose last kernel
writes bytes, and a second stream carries those back while the next batch is drawn. On a CPU the same class
draws at once.

    artist = Artist(codec)
    drawn = artist.start([artist.records.pack(symbols) for symbols in batch])
    pixels = drawn.pixels()                  # uint8 [B, S, S, 3]
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grain_codec.codec import Codec
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.records import FaceRecords, records_of
from grain_codec.ops.unpack import unpack_low_resolution, unpack_symbols

GPU_SEATS = 2
"""Batches that may be on the GPU at once: one is drawn while the one before it is copied back."""

WARM_UPS = 3
"""Runs before a graph is captured, in which libraries choose algorithms and kernels are compiled."""


class Artist:
    """Draws batches of faces on the device of a codec.

    Attributes:
        records: packs a face's symbols as `start` takes them.
        seats: batches that may be under way at once.
        output: the picture that is drawn.
        integers: type of the records.
        dtype: what the networks compute in.
        reason_without_graph: why no CUDA graph is used; None where one is.
    """

    def __init__(self, codec: Codec, output: str | None = None, most: int = 1, dtype: torch.dtype | None = None):
        """Draws up to `most` faces at a time.

        Args:
            output: one of the codec's; None means the first.
            dtype: None takes that of the codec's precision: "auto" is float16 on a GPU where the model bears it, else
                float32.

        Raises:
            WrongModel: the weights cannot draw `output`.
        """
        self.output, self.most, self.device = codec.checked_output(output), most, codec.device
        self.records = records_of(codec.spec)
        self.integers = torch.from_numpy(np.empty(0, self.records.dtype)).dtype
        self.dtype = dtype or _usual_dtype(codec)
        self._networks = codec.networks
        if self.dtype != torch.float32:
            self._networks = copy.deepcopy(codec.networks).to(self.dtype)
        self._steps = torch.tensor(self.records.steps, device=self.device)
        self._on_gpu = self.device.type == "cuda"
        self.seats = GPU_SEATS if self._on_gpu else 1
        self.reason_without_graph = None if self._on_gpu else f"the device is {self.device.type}"
        if self._on_gpu:
            self._compute, self._copy = (torch.cuda.Stream(self.device) for _ in range(2))
            self._networks_for: dict[int, Callable[[Tensor], Tensor]] = {}
            size = codec.spec.image_size
            self._seats = [_Seat(self, size) for _ in range(self.seats)]
            self._turn = 0

    @torch.inference_mode()
    def start(self, records: Sequence[np.ndarray]) -> Drawn:
        """Starts to draw one to `most` faces; at most `seats` batches may await `Drawn.pixels`."""
        assert 1 <= len(records) <= self.most
        if not self._on_gpu:
            pixels = self.network_for(len(records))(torch.from_numpy(np.stack(records))).numpy()
            return Drawn(lambda: pixels)
        seat = self._seats[self._turn % self.seats]
        self._turn += 1
        with torch.cuda.device(self.device):
            return seat.start(records)

    def draw(self, records: Tensor) -> Tensor:
        """Records of faces on the device -> uint8 `[B, S, S, 3]`, on torch's current stream."""
        if isinstance(self.records, FaceRecords):
            spec = self.records.spec
            thumbnail, details, step = unpack_symbols(records, self._steps, spec.thumbnail_components)
            inputs = [thumbnail, details.unflatten(1, (-1, spec.detail_components)), step]
        else:
            inputs = [unpack_low_resolution(records.unflatten(1, (16, 16, 3)))]
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32, cache_enabled=False):
            return self._networks.draw_pixels(*inputs, output=self.output)

    def network_for(self, count: int) -> Callable[[Tensor], Tensor]:
        """What draws `count` faces: pinned records -> uint8 `[B, S, S, 3]`, which the next call may overwrite.

        On a GPU a CUDA graph, that of the least power of two that holds them, or of the largest batch. It is
        captured when it is first asked for; where that fails, `reason_without_graph` says why.
        """
        if not self._on_gpu:
            return self.draw
        size = min(1 << (count - 1).bit_length(), self.most)
        if size not in self._networks_for:
            try:
                self._networks_for[size] = _Graph(self, size)
            except RuntimeError as error:
                self.reason_without_graph = str(error).splitlines()[0]
                self._networks_for[size] = self._draw_at_once
        return self._networks_for[size]

    def _draw_at_once(self, records: Tensor) -> Tensor:
        """Without a graph, and in halves where the batch does not fit into the GPU's memory."""
        try:
            return self.draw(records.to(self.device, non_blocking=True))
        except torch.OutOfMemoryError:
            if len(records) == 1:
                raise
        # Not before here, where the error no longer holds what was being computed.
        torch.cuda.empty_cache()
        return torch.cat([self._draw_at_once(half) for half in records.chunk(2)])


@dataclass(frozen=True)
class Drawn:
    """A batch that is being drawn.

    Attributes:
        pixels: waits for it and gives uint8 `[B, S, S, 3]`, which a later batch overwrites.
    """

    pixels: Callable[[], np.ndarray]


class _Graph:
    """The networks for batches of one size, captured once and replayed."""

    def __init__(self, artist: Artist, size: int):
        self._records = torch.zeros(size, artist.records.length, dtype=artist.integers, device=artist.device)
        artist._compute.wait_stream(torch.cuda.current_stream(artist.device))
        with torch.cuda.stream(artist._compute):
            for _ in range(WARM_UPS):
                artist.draw(self._records)
        torch.cuda.synchronize(artist.device)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=artist._compute):
            self._pixels = artist.draw(self._records)

    def __call__(self, records: Tensor) -> Tensor:
        """Pinned records of at most as many faces -> their pixels, which the next call overwrites."""
        self._records[: len(records)].copy_(records, non_blocking=True)
        self._graph.replay()
        return self._pixels[: len(records)]


class _Seat:
    """Pinned memory for one batch on its way in and out, and a place on the GPU where its pixels await their copy."""

    def __init__(self, artist: Artist, size: int):
        self._artist = artist
        self._records = torch.empty(artist.most, artist.records.length, dtype=artist.integers, pin_memory=True)
        self._pixels = torch.empty(artist.most, size, size, 3, dtype=torch.uint8, pin_memory=True)
        self._drawn = torch.empty(artist.most, size, size, 3, dtype=torch.uint8, device=artist.device)
        self._ready, self._back = torch.cuda.Event(), torch.cuda.Event()

    def start(self, records: Sequence[np.ndarray]) -> Drawn:
        """Puts a batch on its way; the one that had the seat before must have come back."""
        artist, count = self._artist, len(records)
        self._back.synchronize()
        self._records[:count] = torch.from_numpy(np.stack(records))
        network = artist.network_for(count)
        with torch.cuda.stream(artist._compute):
            self._drawn[:count].copy_(network(self._records[:count]))
            self._ready.record()
        with torch.cuda.stream(artist._copy):
            self._ready.wait()
            self._pixels[:count].copy_(self._drawn[:count], non_blocking=True)
            self._back.record()
        return Drawn(lambda: self._finished(count))

    def _finished(self, count: int) -> np.ndarray:
        self._back.synchronize()
        return self._pixels[:count].numpy()


def _usual_dtype(codec: Codec) -> torch.dtype:
    """The codec's; where it has none, float16 on a GPU for face-1024.

    The published networks were trained and are checked in float32 only.
    """
    if codec.precision != "auto":
        return getattr(torch, codec.precision)
    return torch.float16 if codec.device.type == "cuda" and isinstance(codec.networks, Face1024) else torch.float32
