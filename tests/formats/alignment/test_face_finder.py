"""Faces are found at any place, size and angle."""

from __future__ import annotations

import cmath
import math
import subprocess
import sys
import time

import numpy as np
import pytest

from grain_codec.formats.alignment import face_finder
from grain_codec.formats.alignment.cropping import paste
from grain_codec.formats.alignment.placement import Alignment
from grain_codec.formats.images.reading import resize_square

FACE_SHARE = 0.6
"""Size of a face, from brow to chin, in sides of its crop."""


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


def test_examples_are_aligned_as_ffhq_is(faces: dict[str, np.ndarray]) -> None:
    """Generated faces lie less exactly than photographs."""
    ratios = []
    for face in faces.values():
        (found,) = face_finder.find_faces(resize_square(face, 512))
        assert abs(found.centre - (256 + 256j)) < 0.01 * 512
        ratios.append(abs(found.axis / 256 - 1))
    assert max(ratios) < 0.07 and np.median(ratios) < 0.03, ratios


def test_largest_face_comes_first(faces: dict[str, np.ndarray]) -> None:
    photo, small = put(faces["anna"], canvas(1000, 600), 250 + 300j, 260, 0)
    photo, large = put(faces["otis"], photo, 680 + 300j, 480, 0)
    found = face_finder.find_faces(photo)
    assert len(found) == 2
    assert all(distance(place, (put.centre, put.axis)) < 0.06 for place, put in zip(found, (large, small)))


@pytest.mark.parametrize("degrees", [-160, -90, -45, 23, 68, 135, 180])
def test_faces_are_found_whichever_way_they_are_turned(faces: dict[str, np.ndarray], degrees: float) -> None:
    photo, place = put(faces["mia"], canvas(1200, 900), 500 + 450j, 500, degrees)
    (found,) = face_finder.find_faces(photo)
    assert distance(found, (place.centre, place.axis)) < 0.06


@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_faces_of_60_pixels_are_found(faces: dict[str, np.ndarray], degrees: float) -> None:
    photo, place = put(faces["otis"], canvas(1600, 1200), 1100 + 700j, 60 / FACE_SHARE, degrees)
    (found,) = face_finder.find_faces(photo)
    assert distance(found, (place.centre, place.axis)) < 0.08


def test_small_face_of_a_large_photo_in_a_time_that_people_wait(faces: dict[str, np.ndarray]) -> None:
    photo, place = put(faces["ellen"], canvas(4000, 3000), 3100 + 1000j, 60 / FACE_SHARE, 10)
    face_finder.find_faces(canvas(64, 64))  # Loads the networks.
    started = time.process_time()
    (found,) = face_finder.find_faces(photo)
    assert time.process_time() - started < 2
    assert distance(found, (place.centre, place.axis)) < 0.08


def test_faces_half_in_shadow_are_found(faces: dict[str, np.ndarray]) -> None:
    light = np.linspace(0.05, 1.0, 1024)[:, None]
    photo, _ = put((faces["carlos"] * light).astype(np.uint8), canvas(900, 900), 450 + 450j, 600, 0)
    bright, _ = put(faces["carlos"], canvas(900, 900), 450 + 450j, 600, 0)
    (found,), (expected,) = face_finder.find_faces(photo), face_finder.find_faces(bright)
    assert distance(found, (expected.centre, expected.axis)) < 0.05


@pytest.mark.parametrize("size", [(16, 16), (17, 900), (600, 400), (1024, 1024)])
def test_photos_without_a_face_show_none(size: tuple[int, int]) -> None:
    assert face_finder.find_faces(canvas(*size)) == []
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert face_finder.find_faces(noise) == []


def test_aligned_faces_are_known(faces: dict[str, np.ndarray]) -> None:
    assert all(face_finder.is_aligned(face_finder.find_faces(face, at_once=True)[0]) for face in faces.values())


@pytest.mark.parametrize(
    ("shift", "scale", "degrees"),
    [(0.1, 1, 0), (-0.1j, 1, 0), (0, 0.8, 0), (0.2j, 0.4, 0), (0, 1.5, 0), (0, 1, 12), (0, 1, -20), (0, 1, 180)],
)
def test_misplaced_faces_are_not_aligned(face: np.ndarray, shift: complex, scale: float, degrees: float) -> None:
    moved, _ = put(face, canvas(512, 512), 256 + 256j + 512 * shift, 512 * scale, degrees)
    assert not face_finder.is_aligned(face_finder.find_faces(moved)[0])


def test_only_square_photos_are_aligned() -> None:
    assert face_finder.is_aligned(Alignment.nearest(512, 512, 256 + 256j, 256))
    assert not face_finder.is_aligned(Alignment.nearest(512, 520, 256 + 260j, 256))


def test_networks_are_loaded_when_a_face_is_looked_for() -> None:
    code = (
        "import sys; from grain_codec.formats.alignment import face_finder;"
        "assert not {'onnxruntime', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
