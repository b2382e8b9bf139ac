"""Training faces in memory: batches, mirrored and re-exposed at random."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def batches(faces: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless random batches, every face once before any face again.

    Args:
        faces: uint8 `[N, 3, S, S]`, on the device where training runs: nothing is copied per step.
        batch_size: at most N.
        generator: a CPU generator, so that the order does not depend on the device.

    Yields:
        float32 `[batch_size, 3, S, S]` in [0, 1], augmented.
    """
    while True:
        order = torch.randperm(len(faces), generator=generator)
        for chosen in order[: len(order) - len(order) % batch_size].split(batch_size):
            yield augment(faces[chosen.to(faces.device)].float() / 255, generator)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the images and varies exposure, contrast and colour balance a little.

    Args:
        images: `[B, 3, S, S]` in [0, 1].

    Returns:
        `[B, 3, S, S]` in [0, 1].
    """
    count = len(images)
    mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    gain = 1 + 0.1 * torch.randn(count, 1, 1, 1, generator=generator)
    balance = 1 + 0.03 * torch.randn(count, 3, 1, 1, generator=generator)
    gamma = torch.exp(0.12 * torch.randn(count, 1, 1, 1, generator=generator))
    mirrored, scale, gamma = (x.to(images.device) for x in (mirrored, gain * balance, gamma))
    images = torch.where(mirrored, images.flip(-1), images)
    return (images.pow(gamma) * scale).clamp(0, 1)
