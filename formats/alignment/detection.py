"""Finds the faces of a photo roughly, whichever way they are turned, with the network YuNet.

YuNet sees faces that stand about upright and are about 10 to 300 pixels large. So copies of the photo of several sizes
are turned by eighths of a circle, and of what is found at one place in several copies the most certain is taken.

(Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research, 2023.)
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.formats.alignment.inference import run
from grain_codec.formats.alignment.placement import Alignment, ffhq_square

LEAST_SCORE = 0.6
"""How certain the network must be of a face, from 0 to 1."""

SMALL, LARGE = 640, 1920
"""Longer sides, in pixels, of the copies of a photo that are searched; smaller photos are not enlarged."""

TURNS = 8  # Directions in which a face may stand, evenly spread over the circle.
SAME_FACE = 0.3
"""Two finds whose middles are nearer than this, in sides of the larger one's crop, are of one face."""

_STRIDES = (8, 16, 32)  # Pixels between neighbouring places on the three grids of the network.
_MULTIPLE = 32  # The sides of its input are multiples of this.


@dataclass(frozen=True)
class FoundFace:
    """A face and its rough FFHQ crop, in pixels of the photo."""

    score: float  # How certain it is, from 0 to 1.
    # As in `placement`.
    centre: complex
    axis: complex


def is_same_face(first: FoundFace | Alignment, second: FoundFace | Alignment) -> bool:
    """Tells whether two crops are of one face."""
    return abs(first.centre - second.centre) < 2 * SAME_FACE * max(abs(first.axis), abs(second.axis))


def searches(photo: npt.NDArray[np.uint8]) -> Iterator[list[FoundFace]]:
    """Searches a photo, each time more thoroughly; the first search that finds a face is the one to trust.

    Large upright faces are found first. Then all directions are searched in small, and the upright one also in large
    for the small faces of a group, and at last all directions in large.

    Args:
        photo: uint8 `[height, width, 3]`, RGB.

    Yields:
        What each search finds, the most certain first. The same face may be found in several directions.
    """
    image = Image.fromarray(photo)
    small, large = _Copies(image, SMALL), _Copies(image, LARGE)
    upright = _detect_turned(small, 0)
    yield _by_certainty(upright)
    turned = [face for turn in range(1, TURNS) for face in _detect_turned(small, turn)]
    yield _by_certainty(upright + turned + _detect_turned(large, 0))
    yield _by_certainty([face for turn in range(1, TURNS) for face in _detect_turned(large, turn)])


class _Copies:
    """The copies of a photo of one size, in all directions; only two are resampled, the others turned by quarters."""

    def __init__(self, photo: Image.Image, side: int):
        """`side` is the longer one of the copies; a smaller photo is not enlarged."""
        self._photo = photo
        scale = min(1.0, side / max(photo.size))
        self._width, self._height = (max(1, round(length * scale)) for length in photo.size)

    @cached_property
    def upright(self) -> Image.Image:
        """The copy that is not turned."""
        size = (self._width, self._height)
        return self._photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)

    @cached_property
    def _diagonal(self) -> Image.Image:
        return self.upright.rotate(360 / TURNS, Image.Resampling.BILINEAR, expand=True)

    @property
    def reduction(self) -> tuple[float, float]:
        """Pixels of the photo in one of a copy that is not turned, across and down."""
        return self._photo.width / self._width, self._photo.height / self._height

    def turned(self, turn: int) -> Image.Image:
        """The copy that is turned by so many eighths, counter-clockwise."""
        quarters, eighths = divmod(turn, TURNS // 4)
        copy = self._diagonal if eighths else self.upright
        return copy.rotate(90 * quarters, expand=True)


def _by_certainty(found: list[FoundFace]) -> list[FoundFace]:
    return sorted(found, key=lambda face: -face.score)


def _detect_turned(copies: _Copies, turn: int) -> list[FoundFace]:
    """The faces that stand upright in the copy that is turned by so many eighths, in pixels of the photo."""
    upright, turned = copies.upright, copies.turned(turn)
    # Turning keeps the middle in the middle; a point goes back the other way, since y points down.
    middle = complex(turned.width, turned.height) / 2
    back = complex(math.cos(2 * math.pi * turn / TURNS), math.sin(2 * math.pi * turn / TURNS))
    across, down = copies.reduction
    faces: list[FoundFace] = []
    for score, points in sorted(_upright_faces(np.asarray(turned)), key=lambda found: -found[0]):
        here = (points - middle) * back + complex(upright.width, upright.height) / 2
        first, second, _, right, left = (complex(point.real * across, point.imag * down) for point in here)
        face = FoundFace(score, *ffhq_square(first, second, (right + left) / 2))
        # The network names each face several times.
        if not any(is_same_face(face, other) for other in faces):
            faces.append(face)
    return faces


def _upright_faces(view: npt.NDArray[np.uint8]) -> Iterator[tuple[float, npt.NDArray[np.complex128]]]:
    """Each face's score, and its eyes, nose and corners of the mouth as complex `[5]`, the person's right first."""
    height, width = view.shape[:2]
    rows, columns = (-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width))
    image = np.zeros((1, 3, rows, columns), np.float32)
    image[0, :, :height, :width] = view[..., ::-1].transpose(2, 0, 1)  # Blue comes first.
    outputs = run("yunet", {"input": image})
    for stride in _STRIDES:
        certainty = outputs[f"cls_{stride}"].clip(0, 1) * outputs[f"obj_{stride}"].clip(0, 1)
        scores = np.sqrt(certainty[0, :, 0])
        offsets = outputs[f"kps_{stride}"][0].astype(np.float64)
        for index in np.flatnonzero(scores >= LEAST_SCORE):
            row, column = divmod(int(index), columns // stride)
            points = offsets[index, 0::2] + 1j * offsets[index, 1::2] + complex(column, row)
            yield float(scores[index]), points * stride
