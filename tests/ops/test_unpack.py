"""Records and LR images become the inputs of the networks exactly."""

from __future__ import annotations

import torch

from grain_codec.ops.unpack import (
    unpack_low_resolution,
    unpack_low_resolution_kernel,
    unpack_symbols,
    unpack_symbols_kernel,
    unpack_symbols_reference,
)

STEPS = torch.tensor([2.0, 1.5, 1.1])


def test_a_record() -> None:
    thumbnail, details, step = unpack_symbols(torch.tensor([[2, 7, -300, 0, 5, -1]], dtype=torch.int32), STEPS, 2)
    assert thumbnail.tolist() == [[7, -300]]
    assert details.tolist() == [[0, 5, -1]]
    assert torch.equal(step, STEPS[2:])


def test_low_resolution_keeps_every_byte() -> None:
    pixels = torch.arange(768, dtype=torch.int32).to(torch.uint8).reshape(1, 16, 16, 3)
    samples = unpack_low_resolution(pixels)
    assert samples.dtype == torch.float32
    assert samples[0, :, 0, 1].tolist() == [3, 4, 5]
    assert torch.equal(samples.permute(0, 2, 3, 1).byte(), pixels)


def test_symbols_kernel(place) -> None:
    generator = torch.Generator().manual_seed(1)
    records = torch.randint(-(2**20), 2**20, (3, 1 + 20 + 300), dtype=torch.int32, generator=generator)
    records[:, 0] = torch.tensor([1, 0, 2])
    records, steps = records.to(place.device), STEPS.to(place.device)
    found = unpack_symbols_kernel(records, steps, 20, place.run)
    for kernels, reference in zip(found, unpack_symbols_reference(records, steps, 20)):
        assert torch.equal(kernels, reference)


def test_low_resolution_kernel(place) -> None:
    pixels = torch.arange(2 * 768, dtype=torch.int32).to(torch.uint8).reshape(2, 16, 16, 3).to(place.device)
    assert torch.equal(unpack_low_resolution_kernel(pixels, place.run), unpack_low_resolution(pixels))
