"""Pictures without colour: how they are known, and how colour is taken out of what was drawn."""

import numpy as np
import numpy.typing as npt


def is_grey(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tells whether the three samples of every pixel of uint8 `[height, width, 3]` are equal."""
    # Most pictures have colour in their first row, and comparing all of one takes milliseconds.
    return _is_grey(pixels[:1]) and _is_grey(pixels)


def without_colour(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The nearest picture without colour, uint8 `[height, width, 3]`: samples are the rounded means of their pixels."""
    mean = (pixels.sum(axis=2, dtype=np.uint16) + 1) // 3
    return np.repeat(mean.astype(np.uint8)[:, :, None], 3, axis=2)


def _is_grey(pixels: npt.NDArray[np.uint8]) -> bool:
    return bool((pixels[:, :, 1:] == pixels[:, :, :1]).all())
