"""Batches of symbols to pixels on a device, without waiting for it.

On a GPU a batch crosses in one copy from pinned memory, the networks run as one CUDA graph, whose last kernel
writes bytes, and a second stream carries those back while the next batch is drawn. On a CPU the same class
draws at once.

    renderer = BatchRenderer(codec)
    wait = renderer.start([renderer.coder.pack(symbols) for symbols in batch])
    pixels = wait()                          # uint8 [B, S, S, 3]
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grain_codec.codec import Codec

WaitForPixels = Callable[[], npt.NDArray[np.uint8]]
"""Waits for a batch and gives its pixels, uint8 `[B, S, S, 3]`, which a later batch overwrites."""

GPU_SLOTS = 2  # Batches that may be on the GPU at once: one is drawn while the one before it is copied back.
WARM_UPS = 3  # Runs before a graph is captured, in which libraries choose algorithms and kernels are compiled.


class BatchRenderer:
    """Draws batches of faces on the device of a codec.

    Attributes:
        coder: packs a face's symbols as the records that `start` takes.
        slots: batches that may be under way at once.
        output: the picture that is drawn.
        integers: type of the records.
        dtype: what the networks compute in.
        reason_without_graph: why no CUDA graph is used; None where one is.
    """

    def __init__(self, codec: Codec, output: str | None = None, most: int = 1, dtype: torch.dtype | None = None):
        """Draws up to `most` faces at a time. Raises WrongModel where the weights cannot draw `output`.

        The output is the codec's first where it is None, and the dtype that of the codec's precision.
        """
        self.output, self.most, self.device = codec.checked_output(output), most, codec.device
        self.coder = codec.files.coder
        self.integers = torch.from_numpy(np.empty(0, self.coder.record_dtype)).dtype
        self.dtype = dtype or _usual_dtype(codec)
        self._networks = codec.networks
        if self.dtype != torch.float32:
            self._networks = copy.deepcopy(codec.networks).to(self.dtype)
        self._on_gpu = self.device.type == "cuda"
        self.slots = GPU_SLOTS if self._on_gpu else 1
        self.reason_without_graph = None if self._on_gpu else f"the device is {self.device.type}"
        if self._on_gpu:
            self._compute, self._copy = (torch.cuda.Stream(self.device) for _ in range(2))
            self._networks_for: dict[int, Callable[[Tensor], Tensor]] = {}
            size = codec.spec.image_size
            self._slots = [_Slot(self, size) for _ in range(self.slots)]
            self._turn = 0

    @torch.inference_mode()
    def start(self, records: Sequence[npt.NDArray[Any]]) -> WaitForPixels:
        """Starts to draw one to `most` faces; at most `slots` batches may be under way."""
        assert 1 <= len(records) <= self.most
        if not self._on_gpu:
            pixels = self.network_for(len(records))(torch.from_numpy(np.stack(records))).numpy()
            return lambda: pixels
        slot = self._slots[self._turn % self.slots]
        self._turn += 1
        with torch.cuda.device(self.device):
            return slot.start(records)

    def draw(self, records: Tensor) -> Tensor:
        """Records of faces on the device -> uint8 `[B, S, S, 3]`, on torch's current stream."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32, cache_enabled=False):
            return self._networks.draw_records(records, self.output)

    def network_for(self, count: int) -> Callable[[Tensor], Tensor]:
        """The network for `count` faces: pinned records -> uint8 `[B, S, S, 3]`, which the next call may overwrite.

        On a GPU it is a CUDA graph for the next power of two, or for the largest batch, which is captured when it is
        first asked for; where that fails, `reason_without_graph` says why.
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
        """Draws without a graph, in two halves where the batch does not fit into the GPU's memory."""
        try:
            return self.draw(records.to(self.device, non_blocking=True))
        except torch.OutOfMemoryError:
            if len(records) == 1:
                raise
        # Outside the `except` clause, because the error keeps the tensors of the failed batch alive until it ends.
        torch.cuda.empty_cache()
        return torch.cat([self._draw_at_once(half) for half in records.chunk(2)])


class _Graph:
    """The networks for batches of one size, captured once and replayed."""

    def __init__(self, renderer: BatchRenderer, size: int):
        self._records = torch.zeros(size, renderer.coder.record_length, dtype=renderer.integers, device=renderer.device)
        renderer._compute.wait_stream(torch.cuda.current_stream(renderer.device))
        with torch.cuda.stream(renderer._compute):
            for _ in range(WARM_UPS):
                renderer.draw(self._records)
        torch.cuda.synchronize(renderer.device)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=renderer._compute):
            self._pixels = renderer.draw(self._records)

    def __call__(self, records: Tensor) -> Tensor:
        """Pinned records of at most as many faces -> their pixels, which the next call overwrites."""
        self._records[: len(records)].copy_(records, non_blocking=True)
        self._graph.replay()
        return self._pixels[: len(records)]


class _Slot:
    """Memory for one batch: pinned for its records and pixels, and on the GPU for pixels that await their copy."""

    def __init__(self, renderer: BatchRenderer, size: int):
        self._renderer = renderer
        self._records = torch.empty(
            renderer.most, renderer.coder.record_length, dtype=renderer.integers, pin_memory=True
        )
        self._pixels = torch.empty(renderer.most, size, size, 3, dtype=torch.uint8, pin_memory=True)
        self._drawn = torch.empty(renderer.most, size, size, 3, dtype=torch.uint8, device=renderer.device)
        self._ready, self._back = torch.cuda.Event(), torch.cuda.Event()

    def start(self, records: Sequence[npt.NDArray[Any]]) -> WaitForPixels:
        """Starts to draw a batch; waits first for the batch that used the slot before."""
        renderer, count = self._renderer, len(records)
        self._back.synchronize()
        self._records[:count] = torch.from_numpy(np.stack(records))
        network = renderer.network_for(count)
        with torch.cuda.stream(renderer._compute):
            self._drawn[:count].copy_(network(self._records[:count]))
            self._ready.record()
        with torch.cuda.stream(renderer._copy):
            self._ready.wait()
            self._pixels[:count].copy_(self._drawn[:count], non_blocking=True)
            self._back.record()
        return lambda: self._finished(count)

    def _finished(self, count: int) -> npt.NDArray[np.uint8]:
        self._back.synchronize()
        return self._pixels[:count].numpy()


def _usual_dtype(codec: Codec) -> torch.dtype:
    """The dtype of the codec's precision; where that is "auto", what the model's family says."""
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    return named.get(codec.precision) or codec.family.usual_dtype(codec.device)
