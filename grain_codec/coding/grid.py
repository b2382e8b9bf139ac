"""The grid of the LR image, which every model shares."""

GRID = 16
"""Cells a side: the LR image is GRID x GRID pixels, one pixel a cell."""

LR_SAMPLES = GRID * GRID * 3
"""Samples of the LR image (RGB)."""
