"""The size of the LR image, which every model shares."""

GRID = 16  # The LR image has GRID x GRID pixels. Each pixel stands for a cell of the face.
LR_SAMPLES = GRID * GRID * 3  # Samples of the LR image (RGB).
