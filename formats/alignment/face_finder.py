"""Finds the faces in a photo and where the FFHQ crop of each lies; needs the extra `align`.

A detector (histograms of oriented gradients) searches a copy of bounded size and gives a rough crop. On that crop,
where every face stands upright and has the same size, the landmarks are found again, as the mean over several start
positions. So the final crop hardly depends on how large and how turned the face was in the photo.

Detector and landmark model come from dlib. The model was trained on the iBUG 300-W pictures, which exclude commercial
use.
"""

import math
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.errors import BadImage, GrainError
from grain_codec.formats.alignment.cropping import cut
from grain_codec.formats.alignment.placement import Alignment, ffhq_square

DETECTION_PIXELS = 3_000_000
"""Large photos are shrunk to this size; the detector finds faces of at least about 80 pixels a side there."""

MOST_ENLARGED = 2.0  # Smaller photos are enlarged at most this many times, so that smaller faces are found.
REFINING_SIDE = 512  # Side in pixels of the rough crop on which the landmarks are found again.

_STARTS = tuple(
    (0.2 - grown + right, 0.29 - grown + down, 0.6 + 2 * grown)
    for grown in (-0.03, 0.0, 0.03)
    for right, down in ((0.0, 0.0), (0.02, 0.02), (-0.02, 0.02))
)
"""Boxes to start from, near the detector's box in an FFHQ crop: left, top and side, in sides of the crop."""

CHECKED_SIDES = (256, 512)
"""Sides of the copies on which `is_misplaced` looks for a face; it tries the second where the first shows none."""

ALIGNED_EYES = 0.5 + 0.477j
ALIGNED_EYE_DISTANCE = 0.25
"""Where the middle between the eyes lies in an FFHQ crop, and how far apart they are, in sides of the crop.

The distance follows from `ffhq_square`, the height from the usual distance between eyes and mouth."""

MOST_SHIFT = 0.06  # How far the eyes of an aligned face may lie from ALIGNED_EYES, in sides of the picture.
MOST_TURN_OR_SCALE = 0.24
"""How far from 1 the ratio of an aligned face's eye vector to ALIGNED_EYE_DISTANCE, a complex number, may lie.

It stands for a turn of 14 degrees, or an eye distance that is 24 % too long or too short."""

_MODELS = {5: "shape_predictor_5_face_landmarks.dat", 68: "shape_predictor_68_face_landmarks.dat"}


class FaceFinderMissing(GrainError):
    """The packages that find faces are not installed."""


def available() -> bool:
    """Tells whether the extra is installed, without importing anything."""
    return all(find_spec(package) is not None for package in ("dlib", "face_recognition_models"))


def require() -> None:
    """Raises FaceFinderMissing, which names the command that installs it, unless the extra is installed."""
    if not available():
        raise FaceFinderMissing('finding faces needs more packages: pip install "grain-codec[align]"')


def find_faces(photo: npt.NDArray[np.uint8], face: int | None = 1) -> list[Alignment]:
    """Finds the FFHQ crops of a photo's faces, the largest face first.

    Args:
        photo: uint8 `[height, width, 3]`, RGB, upright.
        face: only this one, where 1 is the largest; None for all.

    Raises:
        BadImage: the photo shows no face, or fewer than `face`.
        FaceFinderMissing: the extra is not installed.
    """
    require()
    rough = sorted(_rough_alignments(photo), key=lambda alignment: -alignment.side)
    if not rough:
        raise BadImage("no face found")
    if face is not None and face > len(rough):
        raise BadImage(f"there is no face {face}; {len(rough)} found")
    return [_refined(photo, alignment) for alignment in (rough if face is None else [rough[face - 1]])]


def is_misplaced(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tells whether a picture, meant as an FFHQ crop, shows its face at another place, size or angle than such a crop.

    A picture in which no face is found is not misplaced.

    Args:
        pixels: uint8 `[S, S, 3]`, RGB.

    Raises:
        FaceFinderMissing: the extra is not installed.
    """
    require()
    for side in CHECKED_SIDES:
        view = _resized(pixels, side, side)
        boxes = _detector()(view, 0)
        if boxes:
            break
    else:
        return False
    # The five points are both corners of each eye, the eye on the right first, and the nose.
    corners = _landmarks(view, max(boxes, key=lambda box: box.area()), 5)[:4] / side
    right_eye, left_eye = corners[:2].mean(), corners[2:].mean()
    shift = abs((right_eye + left_eye) / 2 - ALIGNED_EYES)
    turn_or_scale = abs((right_eye - left_eye) / ALIGNED_EYE_DISTANCE - 1)
    return bool(shift > MOST_SHIFT or turn_or_scale > MOST_TURN_OR_SCALE)


def _rough_alignments(photo: npt.NDArray[np.uint8]) -> list[Alignment]:
    """Crops by the landmarks in the boxes that the detector finds, in no order."""
    height, width = photo.shape[:2]
    scale = min(MOST_ENLARGED, math.sqrt(DETECTION_PIXELS / (width * height)))
    view = _resized(photo, max(1, round(width * scale)), max(1, round(height * scale)))
    across, down = width / view.shape[1], height / view.shape[0]
    found = []
    for box in _detector()(view, 0):
        points = _landmarks(view, box, 68)
        try:
            found.append(Alignment.nearest(width, height, *ffhq_square(points.real * across + 1j * points.imag * down)))
        except BadImage:
            continue  # The face is too small, or its middle lies outside the photo.
    return found


def _refined(photo: npt.NDArray[np.uint8], rough: Alignment) -> Alignment:
    """The crop by the landmarks that are found on the rough crop.

    Raises:
        BadImage: the face is too near to the photo's edge for its crop to be stored.
    """
    view = cut(photo, rough, REFINING_SIDE)
    points = np.mean([_landmarks(view, _box(*(REFINING_SIDE * part for part in start)), 68) for start in _STARTS], 0)
    across_crop = 2 * points / REFINING_SIDE - (1 + 1j)
    return Alignment.nearest(rough.width, rough.height, *ffhq_square(rough.centre + rough.axis * across_crop))


def _landmarks(view: npt.NDArray[np.uint8], box: Any, count: int) -> npt.NDArray[np.complex128]:
    """Landmarks as complex `[count]`, in pixels of the view; dlib counts from the middle of the first pixel."""
    shape = _predictor(count)(view, box)
    return np.array([complex(part.x, part.y) for part in shape.parts()]) + (0.5 + 0.5j)


def _resized(pixels: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """A picture at another size, in contiguous memory as dlib needs it."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def _box(left: float, top: float, side: float) -> Any:
    """A square as a rectangle of dlib, whose last row and column are inside."""
    import dlib

    return dlib.rectangle(round(left), round(top), round(left + side) - 1, round(top + side) - 1)


@lru_cache(maxsize=1)
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@lru_cache(maxsize=len(_MODELS))
def _predictor(count: int) -> Any:
    """The landmark model of 5 or 68 points.

    Raises:
        FaceFinderMissing: its package lacks the file.
    """
    import dlib

    # The package's own functions need setuptools, which new environments lack, so its folder is found without them.
    package = find_spec("face_recognition_models")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "models" / _MODELS[count]
    if not path.is_file():
        raise FaceFinderMissing(f"the package face-recognition-models lacks {path.name}; install it anew")
    return dlib.shape_predictor(str(path))
