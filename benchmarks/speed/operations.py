"""The operations one by one: the torch reference, the same compiled by torch, and the kernel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grain_codec.benchmarks.speed.timing import Row, Stopwatch
from grain_codec.ops.biased_activation import biased_activation
from grain_codec.ops.enlargement import enlarged_pixels
from grain_codec.ops.haar import inverse_haar
from grain_codec.ops.kernels import reference_only
from grain_codec.ops.modulated_convolution import separable_modulated_convolution
from grain_codec.ops.pixels import image_to_pixels
from grain_codec.ops.unpack import unpack_low_resolution, unpack_symbols
from grain_codec.ops.upfirdn import upfirdn2d

BATCH = 8


@dataclass(frozen=True)
class Case:
    """An operation on tensors of a size that the networks meet."""

    name: str
    operation: Callable[..., object]
    arguments: tuple[Any, ...]


def cases(device: torch.device, dtype: torch.dtype, side: int = 512) -> Iterator[Case]:
    """Yields one or two cases for each operation; `side` is the side of the largest feature maps."""

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, device=device).to(dtype)

    records = torch.randint(0, 9, (BATCH, 1 + 448 + 256 * 40), dtype=torch.int32, device=device)
    yield Case("unpack_symbols", unpack_symbols, (records, torch.ones(48, device=device), 448))
    pixels = torch.randint(0, 256, (BATCH, 16, 16, 3), dtype=torch.uint8, device=device)
    yield Case("unpack_low_resolution", unpack_low_resolution, (pixels,))
    for channels, size in ((128, side // 8), (32, side)):
        convolution = (
            random(BATCH, channels, size, size),
            random(BATCH, channels),
            random(channels, 1, 3, 3),
            random(channels, channels, 1, 1),
            random(channels),
            random(1, 1, size, size),
        )
        name = f"separable_modulated_convolution, {channels} channels at {size}"
        yield Case(name, separable_modulated_convolution, convolution)
    yield Case(f"inverse_haar, 128 channels at {side // 4}", inverse_haar, (random(BATCH, 128, side // 4, side // 4),))
    yield Case(f"image_to_pixels, {2 * side}", image_to_pixels, (random(BATCH, 3, 2 * side, 2 * side),))
    small = random(BATCH, 3, side // 2, side // 2)
    yield Case(f"enlarged_pixels, {side // 2} to {2 * side}", enlarged_pixels, (small, 2 * side))
    taps = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])).to(device, dtype)
    blurred = (random(BATCH, 64, side + 1, side + 1), taps, 1, 1, (1, 1))
    yield Case(f"upfirdn2d, blur of 64 channels at {side}", upfirdn2d, blurred)
    doubled = (random(BATCH, 3, side, side), taps, 2, 1, (2, 1))
    yield Case(f"upfirdn2d, doubling of 3 channels at {side}", upfirdn2d, doubled)
    activated = (random(BATCH, 64, side, side), random(64))
    yield Case(f"biased_activation, 64 channels at {side}", biased_activation, activated)


def operation_rows(stopwatch: Stopwatch, side: int = 512, compiled: bool = True) -> Iterator[Row]:
    """Times of each operation; its kernel where there is one to run."""
    on_gpu = stopwatch.device.type == "cuda"
    for case in cases(stopwatch.device, torch.float16 if on_gpu else torch.float32, side):
        ways = {"reference": case.operation}
        if compiled:
            ways["torch.compile"] = torch.compile(case.operation)
        with torch.inference_mode():
            with reference_only():
                for way, operation in ways.items():
                    yield stopwatch.row(f"{case.name}: {way}", BATCH, partial(operation, *case.arguments))
            if on_gpu:
                yield stopwatch.row(f"{case.name}: kernel", BATCH, partial(case.operation, *case.arguments))
