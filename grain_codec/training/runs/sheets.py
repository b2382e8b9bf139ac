"""Contact sheets of a training run: a row for each face, a column for each picture of it."""

from __future__ import annotations

import io

import numpy as np
from torch import Tensor

from grain_codec.formats.images.contact_sheet import Tile
from grain_codec.formats.images.contact_sheet import contact_sheet as sheet_of_tiles


def to_pixels(pictures: Tensor) -> np.ndarray:
    """`[B, 3, H, W]`, nominally in [-1, 1] -> uint8 `[B, H, W, 3]`, clamped and rounded."""
    levels = ((pictures.detach().float().clamp(-1, 1) + 1) * 127.5).round()
    return levels.byte().permute(0, 2, 3, 1).cpu().numpy()


def contact_sheet(columns: dict[str, np.ndarray]) -> bytes:
    """A JPEG of pictures side by side: for each caption uint8 `[N, H, W, 3]`."""
    rows = zip(*([Tile(picture, caption) for picture in pictures] for caption, pictures in columns.items()))
    written = io.BytesIO()
    sheet_of_tiles(list(rows)).save(written, "JPEG", quality=90)
    return written.getvalue()
