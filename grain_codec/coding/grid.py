"""The sizes that all models share."""

GRID = 16  # The LR image has GRID x GRID pixels. Each pixel stands for a cell of the face.
LR_SAMPLES = GRID * GRID * 3  # Samples of the LR image (RGB).
MOST_PAYLOAD = 4095  # Bytes of the longest payload of a face.
