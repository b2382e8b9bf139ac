"""Pictures in rows with a caption above each: for people to look at side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 256
CAPTION = 22


@dataclass(frozen=True)
class Tile:
    """A picture uint8 `[S, S, 3]` and what is written above it."""

    pixels: np.ndarray
    caption: str


def contact_sheet(rows: Sequence[Sequence[Tile]], side: int = SIDE) -> Image.Image:
    """A sheet of rows of tiles, each `side` pixels wide; pictures much smaller than that show their pixels."""
    columns = max(map(len, rows), default=0)
    sheet = Image.new("RGB", (columns * side, len(rows) * (side + CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, tiles in enumerate(rows):
        top = row * (side + CAPTION)
        for column, tile in enumerate(tiles):
            small = tile.pixels.shape[0] < side // 4
            resampling = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
            sheet.paste(Image.fromarray(tile.pixels).resize((side, side), resampling), (column * side, top + CAPTION))
            pen.text((column * side + 4, top + 3), tile.caption, fill="black", font=font)
    return sheet
