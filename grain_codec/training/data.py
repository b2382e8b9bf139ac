"""Training faces: batches from memory or from disk, varied at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from grain_codec.errors import BadImage


def batches(faces: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless random batches, every face once before any face again.

    Args:
        faces: uint8 `[N, 3, S, S]`, on the device where training runs: nothing is copied per step.
        batch_size: of which N is used when it is more.
        generator: a CPU generator, so that the order does not depend on the device.

    Yields:
        float32 `[batch_size, 3, S, S]` in [0, 1], augmented.
    """
    batch_size = min(batch_size, len(faces))
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


def streamed_batches(
    faces: Sequence[np.ndarray],
    batch_size: int,
    seed: int = 0,
    flips: bool = False,
    workers: int = 0,
    share: tuple[int, int] = (0, 1),
    pinned: bool = False,
) -> Iterator[Tensor]:
    """Endless random batches of faces that are decoded as they are needed, every face once before any again.

    Args:
        faces: uint8 `[3, S, S]` each, in memory or on disk; with workers it is handed to other processes.
        batch_size: of this process.
        seed: of the order and the mirroring.
        flips: mirror half of the faces, at random.
        workers: decoding processes; 0 decodes in this one.
        share: this process's number and the number of processes; each gets other faces.
        pinned: whether batches lie in memory that a GPU copies from by itself.

    Yields:
        uint8 `[batch_size, 3, S, S]`.

    Raises:
        BadImage: a face cannot be read; the text names it.
    """
    loader = DataLoader(
        _Shown(faces),
        batch_size,
        sampler=_Shuffled(len(faces), seed, flips, share),
        num_workers=workers,
        pin_memory=pinned,
    )
    try:
        yield from loader
    except BadImage as error:
        # A worker's error arrives with that process's traceback in its text; the last line is the error's own.
        raise BadImage(str(error).strip().splitlines()[-1].removeprefix("grain_codec.errors.BadImage: ")) from error


class _Shown(Dataset):
    """Faces by number; a negative number -1 - n is face n mirrored."""

    def __init__(self, faces: Sequence[np.ndarray]):
        self.faces = faces

    def __getitem__(self, index: int) -> Tensor:
        if index < 0:
            return torch.from_numpy(self.faces[-1 - index][..., ::-1].copy())
        return torch.from_numpy(self.faces[index])


class _Shuffled(Sampler):
    """Numbers for `_Shown` without end: one process's share of every shuffle."""

    def __init__(self, count: int, seed: int, flips: bool, share: tuple[int, int]):
        self.count, self.seed, self.flips, self.share = count, seed, flips, share

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        position = 0
        while True:
            mirrored = torch.rand(self.count, generator=generator) < (0.5 if self.flips else 0.0)
            for index, flipped in zip(torch.randperm(self.count, generator=generator).tolist(), mirrored.tolist()):
                if position % self.share[1] == self.share[0]:
                    yield -1 - index if flipped else index
                position += 1
