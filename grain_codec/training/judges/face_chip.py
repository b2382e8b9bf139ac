"""The square that dlib's face recogniser looks at, of a face that is aligned as FFHQ's are."""

from __future__ import annotations

CHIP_ROWS = (268 / 1024, 968 / 1024)
CHIP_COLUMNS = (170 / 1024, 866 / 1024)
"""Where dlib's own alignment cuts, in sides of the picture: medians over the 37 faces that it was run on."""

CHIP_SIDE = 150
"""Pixels of a chip's side."""
