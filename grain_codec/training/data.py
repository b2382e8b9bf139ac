"""Endless random batches of training faces, from memory or from disk."""

import math
import re
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from grain_codec.errors import BadImage

CLASS_NAME = re.compile(r"^grain_codec[\w.]+: ")

MOST_SHIFT = 12 / 1024  # Largest shift of a training face along each axis, in sides of the image.
MOST_TURN = math.radians(6)
MOST_SCALING = 0.05
BEND = 0.008  # Standard deviation of the smooth bending of a training face, in half sides of the image.
BEND_POINTS = 5  # The bending is drawn at so many points along each axis, and interpolated between them.


class Faces(Protocol):
    """Faces uint8 `[3, S, S]` by number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]: ...


def batches(faces: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless random batches of faces in memory; every face is used once before any is used again.

    Args:
        faces: uint8 `[N, 3, S, S]`, on the device where training runs, so that no step copies them there.
        batch_size: faces a batch; N when there are fewer.
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
    """Mirrors half of the images, moves and bends them a little, and varies exposure, contrast and colour balance.

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
    grid = random_grid(count, images.shape[-1], generator).to(images.device)
    mirrored, scale, gamma = (x.to(images.device) for x in (mirrored, gain * balance, gamma))
    images = torch.where(mirrored, images.flip(-1), images)
    images = F.grid_sample(images, grid, "bicubic", "reflection", align_corners=False).clamp(0, 1)
    return (images.pow(gamma) * scale).clamp(0, 1)


def random_grid(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Sampling positions that shift, turn, scale and gently bend images, as alignment and faces vary.

    One image in four moves by up to MOST_SHIFT, MOST_TURN and MOST_SCALING, each uniformly distributed. The others
    move by a quarter of that, since most faces are aligned well.

    Args:
        count: number of images.
        size: their side in pixels.

    Returns:
        `[count, size, size, 2]`, as `torch.nn.functional.grid_sample` takes them.
    """
    widely = torch.rand(count, generator=generator) < 0.25
    reach = torch.where(widely, 1.0, 0.25)[:, None] * (2 * torch.rand(count, 4, generator=generator) - 1)
    angle, scale = MOST_TURN * reach[:, 0], 1 + MOST_SCALING * reach[:, 1]
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    shift = 2 * MOST_SHIFT * reach[:, 2:]
    rows = torch.stack([torch.stack([cosine, -sine, shift[:, 0]], 1), torch.stack([sine, cosine, shift[:, 1]], 1)], 1)
    bends = BEND * torch.randn(count, 2, BEND_POINTS, BEND_POINTS, generator=generator)
    bends = F.interpolate(bends, (size, size), mode="bicubic", align_corners=True)
    return F.affine_grid(rows, [count, 3, size, size], align_corners=False) + bends.permute(0, 2, 3, 1)


def streamed_batches(
    faces: Faces,
    batch_size: int,
    seed: int = 0,
    flips: bool = False,
    workers: int = 0,
    share: tuple[int, int] = (0, 1),
    pinned: bool = False,
) -> Iterator[Tensor]:
    """Endless random batches of faces that are decoded as they are needed; every face once before any again.

    Args:
        faces: in memory or on disk; with workers the object is sent to other processes.
        batch_size: faces a batch of this process.
        seed: decides the order and the mirroring.
        flips: mirror half of the faces, at random.
        workers: decoding processes; 0 decodes in this one.
        share: this process's number and the number of processes; each gets other faces.
        pinned: whether batches lie in pinned memory, from which a GPU copies while Python goes on.

    Yields:
        uint8 `[batch_size, 3, S, S]`.

    Raises:
        BadImage: a face cannot be read; the text names it.
    """
    loader = DataLoader(
        _Faces(faces),
        batch_size,
        sampler=_ShuffledShare(len(faces), seed, flips, share),
        num_workers=workers,
        pin_memory=pinned,
    )
    try:
        yield from loader
    except BadImage as error:
        # A worker's error begins with that process's traceback; its last line names the class and then the reason.
        raise BadImage(CLASS_NAME.sub("", str(error).strip().splitlines()[-1])) from error


class _Faces(Dataset[Tensor]):
    """Faces by their number and whether they are mirrored."""

    def __init__(self, faces: Faces):
        self.faces = faces

    def __getitem__(self, index: tuple[int, bool]) -> Tensor:
        number, is_mirrored = index
        face = self.faces[number]
        return torch.from_numpy(face[..., ::-1].copy() if is_mirrored else face)


class _ShuffledShare(Sampler[tuple[int, bool]]):
    """Indices into `_Faces` without end: one process's share of every shuffle."""

    def __init__(self, count: int, seed: int, flips: bool, share: tuple[int, int]):
        self.count, self.seed, self.flips, self.share = count, seed, flips, share

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        generator = torch.Generator().manual_seed(self.seed)
        rank, processes = self.share
        position = 0
        while True:
            mirrored = torch.rand(self.count, generator=generator) < (0.5 if self.flips else 0.0)
            for index in zip(torch.randperm(self.count, generator=generator).tolist(), mirrored.tolist()):
                if position % processes == rank:
                    yield index
                position += 1
