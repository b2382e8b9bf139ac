"""The part of a face aligned as in FFHQ that dlib's face recogniser looks at."""

CHIP_ROWS = (268 / 1024, 968 / 1024)
CHIP_COLUMNS = (170 / 1024, 866 / 1024)
"""Where dlib's own alignment crops, as shares of the picture's side: medians over 37 faces."""

CHIP_SIDE = 150  # Side in pixels of the picture that the recogniser takes.
