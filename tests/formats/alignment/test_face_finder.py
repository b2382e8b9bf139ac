"""Faces are found at any place, size and angle; needs the extra `align`."""

from __future__ import annotations

import cmath
import math
import subprocess
import sys

import numpy as np
import pytest

from grain_codec.errors import BadImage
from grain_codec.formats.alignment import face_finder
from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.placement import Alignment
from grain_codec.formats.images.reading import resize_square

FACE_SHARE = 0.6
"""Size of a face, from brow to chin, in sides of its crop."""

needs_models = pytest.mark.skipif(not face_finder.available(), reason="dlib and its models are not installed")


def canvas(width: int, height: int) -> np.ndarray:
    """A wall that is not quite flat, uint8 `[height, width, 3]`."""
    row, column = np.mgrid[0:height, 0:width]
    return np.stack([110 + row // 40 % 20, 120 + column // 50 % 20, 100 + 0 * row], -1).astype(np.uint8)


def put(
    face: np.ndarray, photo: np.ndarray, centre: complex, side: float, degrees: float
) -> tuple[np.ndarray, Alignment]:
    """A photo with a face pasted into it, and the face's alignment."""
    axis = side / 2 * cmath.exp(1j * math.radians(degrees))
    place = Alignment.nearest(photo.shape[1], photo.shape[0], centre, axis)
    return paste(face, place, photo), place


def distance(found: Alignment, expected: tuple[complex, complex]) -> float:
    """The largest distance of a corner of a crop from its right place, in sizes of the face."""
    centre, axis = expected
    corners = (1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j)
    worst = max(abs(found.centre - centre + corner * (found.axis - axis)) for corner in corners)
    return worst / (2 * abs(axis) * FACE_SHARE)


@needs_models
@pytest.mark.parametrize(
    ("name", "size", "centre", "side", "degrees"),
    [
        ("anna", (900, 700), 300 + 340j, 420, 0),
        ("carlos", (900, 700), 520 + 360j, 330, 25),
        ("ellen", (700, 800), 350 + 420j, 600, -25),
        ("mia", (800, 600), 560 + 250j, 230, 12),
        ("otis", (1400, 1100), 700 + 600j, 1000, -8),
        ("rafael", (640, 480), 130 + 140j, 300, 5),
    ],
)
def test_transform_is_recovered(
    faces: dict[str, np.ndarray], name: str, size: tuple[int, int], centre: complex, side: float, degrees: float
) -> None:
    photo, place = put(faces[name], canvas(*size), centre, side, degrees)
    (found,) = face_finder.find_faces(photo)
    (unmoved,) = face_finder.find_faces(resize_square(faces[name], 512))
    # The crop of the unmoved face, carried along by what was done to the face.
    turn, middle = place.axis / 256, 256 + 256j
    expected = place.centre + (unmoved.centre - middle) * turn, unmoved.axis * turn
    assert distance(found, expected) < 0.02


@needs_models
def test_examples_are_aligned_as_ffhq_is(faces: dict[str, np.ndarray]) -> None:
    for face in faces.values():
        (found,) = face_finder.find_faces(resize_square(face, 512))
        assert abs(found.centre - (256 + 256j)) < 0.01 * 512
        assert abs(found.axis / 256 - 1) < 0.06


@needs_models
def test_largest_face_comes_first(faces: dict[str, np.ndarray]) -> None:
    photo, small = put(faces["anna"], canvas(1000, 600), 250 + 300j, 260, 0)
    photo, large = put(faces["otis"], photo, 680 + 300j, 480, 0)
    assert [abs(found.centre - large.centre) < 20 for found in face_finder.find_faces(photo)] == [True]
    (second,) = face_finder.find_faces(photo, 2)
    assert abs(second.centre - small.centre) < 20
    assert [round(found.centre.real, -2) for found in face_finder.find_faces(photo, None)] == [700, 200]
    with pytest.raises(BadImage, match="no face 3; 2 found"):
        face_finder.find_faces(photo, 3)


@needs_models
def test_face_in_a_large_photo(faces: dict[str, np.ndarray]) -> None:
    photo, place = put(faces["ellen"], canvas(3000, 2200), 2100 + 1000j, 700, 10)
    (found,) = face_finder.find_faces(photo)
    assert distance(found, (place.centre, place.axis)) < 0.06


@needs_models
def test_photo_without_a_face_is_refused() -> None:
    with pytest.raises(BadImage, match="no face found"):
        face_finder.find_faces(canvas(600, 400))


@needs_models
def test_aligned_faces_are_not_objected_to(faces: dict[str, np.ndarray]) -> None:
    assert not any(face_finder.is_misplaced(face) for face in faces.values())


@needs_models
@pytest.mark.parametrize(
    ("shift", "scale", "degrees"),
    [(0.1, 1, 0), (-0.1j, 1, 0), (0, 0.65, 0), (0.2j, 0.4, 0), (0, 1.5, 0), (0, 1, 20), (0, 1, -20)],
)
def test_misplaced_faces_are_noticed(face: np.ndarray, shift: complex, scale: float, degrees: float) -> None:
    moved, _ = put(face, canvas(512, 512), 256 + 256j + 512 * shift, 512 * scale, degrees)
    assert face_finder.is_misplaced(moved)


@needs_models
def test_pictures_without_a_face_have_none_that_is_misplaced() -> None:
    assert not face_finder.is_misplaced(canvas(1024, 1024))


def test_missing_packages_are_named_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    for use in (face_finder.find_faces, face_finder.is_misplaced):
        with pytest.raises(face_finder.FaceFinderMissing, match=r'pip install "grain-codec\[align\]"'):
            use(canvas(64, 64))


@needs_models
def test_nothing_is_imported_before_a_face_is_looked_for() -> None:
    code = (
        "import sys; from grain_codec.formats.alignment import face_finder; assert face_finder.available();"
        "assert not {'dlib', 'face_recognition_models', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
