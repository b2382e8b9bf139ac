"""How much contrast a picture keeps of an original's in each octave of detail, in the middle of the face.

An octave is a band of a Laplacian pyramid (Burt and Adelson 1983, "The Laplacian pyramid as a compact image code") of
the luminance: what a picture of that many lines has and one of half as many has not. The contrast is the root mean
square of the band. 1 is as much as the original has, 0 is a blurred picture; more than 1 is texture that is too strong.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.codec import Pixels

Sample = TypeVar("Sample", bound=np.generic)

LINES = (1024, 512, 256, 128)  # The finest lines of each octave, in a face of 1024 pixels.
FACE_ROWS, FACE_COLUMNS = (300 / 1024, 812 / 1024), (256 / 1024, 768 / 1024)  # The middle of a face aligned as FFHQ's.
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601.
COLUMNS = {lines: f"detail_{lines}" for lines in LINES}  # The column of each octave in a results table.


def contrasts(pixels: Pixels) -> dict[str, float]:
    """The contrast of each octave of a picture uint8 `[S, S, 3]`, in levels of 0 to 255, by its column."""
    picture = Image.fromarray((pixels @ LUMINANCE).astype(np.float32))
    found = {}
    for lines in LINES:
        band, picture = _band(picture)
        found[COLUMNS[lines]] = float(np.sqrt(np.mean(np.square(middle(band)))))
    return found


def kept(decoded: Pixels, of_original: dict[str, float]) -> dict[str, float]:
    """The contrasts of a decoded picture over those of its original, from `contrasts`."""
    return {column: value / max(of_original[column], 1e-6) for column, value in contrasts(decoded).items()}


def middle(picture: npt.NDArray[Sample]) -> npt.NDArray[Sample]:
    """The middle of the face of a picture `[S, S, ...]` of any size."""
    side = len(picture)
    (top, bottom), (left, right) = (
        (round(first * side), round(last * side)) for first, last in (FACE_ROWS, FACE_COLUMNS)
    )
    return picture[top:bottom, left:right]


def _band(picture: Image.Image) -> tuple[npt.NDArray[np.float32], Image.Image]:
    """What a grey picture has beyond its half, and that half."""
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BICUBIC)
    return np.asarray(picture) - np.asarray(half.resize(picture.size, Image.Resampling.BICUBIC)), half
