"""Contact sheets of a training run: a row for each face, a column for each picture of it."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from torch import Tensor

from grain_codec.formats.images.contact_sheet import Tile
from grain_codec.formats.images.contact_sheet import contact_sheet as sheet_of_tiles


def contact_sheet(columns: Mapping[str, Tensor]) -> bytes:
    """A JPEG of pictures side by side: for each caption `[N, 3, H, W]`, nominally in [-1, 1]."""
    tiles = [[Tile(pixels, caption) for pixels in _to_pixels(pictures)] for caption, pictures in columns.items()]
    written = io.BytesIO()
    sheet_of_tiles(list(zip(*tiles))).save(written, "JPEG", quality=90)
    return written.getvalue()


def _to_pixels(pictures: Tensor) -> npt.NDArray[np.uint8]:
    """`[B, 3, H, W]`, nominally in [-1, 1] -> uint8 `[B, H, W, 3]`, clamped and rounded."""
    levels = ((pictures.detach().float().clamp(-1, 1) + 1) * 127.5).round()
    return levels.byte().permute(0, 2, 3, 1).cpu().numpy()
