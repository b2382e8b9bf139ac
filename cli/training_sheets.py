"""Contact sheets of a training run: a row for each face, a column for each picture of it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

TILE = 256
CAPTION = 22


def to_pixels(pictures: Tensor) -> np.ndarray:
    """`[B, 3, H, W]`, nominally in [-1, 1] -> uint8 `[B, H, W, 3]`, clamped and rounded."""
    levels = ((pictures.detach().float().clamp(-1, 1) + 1) * 127.5).round()
    return levels.byte().permute(0, 2, 3, 1).cpu().numpy()


def contact_sheet(columns: dict[str, np.ndarray]) -> bytes:
    """A JPEG of pictures side by side.

    Args:
        columns: for each caption uint8 `[N, H, W, 3]`; pictures that are smaller than a tile keep their pixels apart.
    """
    count = len(next(iter(columns.values())))
    sheet = Image.new("RGB", (len(columns) * TILE, CAPTION + count * TILE), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, (caption, pictures) in enumerate(columns.items()):
        pen.text((column * TILE + 4, 3), caption, fill="black", font=font)
        for row, picture in enumerate(pictures):
            method = Image.Resampling.NEAREST if len(picture) < TILE else Image.Resampling.LANCZOS
            tile = Image.fromarray(picture).resize((TILE, TILE), method)
            sheet.paste(tile, (column * TILE, CAPTION + row * TILE))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=90)
    return written.getvalue()
