"""The identity distance sees the face that dlib sees, and the FFHQ chip where dlib sees none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.metrics import identity

dlib = pytest.importorskip("dlib")
if not identity.available():
    pytest.skip("face_recognition_models is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def anna(face: np.ndarray) -> identity.OriginalFace:
    return identity.OriginalFace(face)


def test_a_face_is_itself(anna: identity.OriginalFace, face: np.ndarray) -> None:
    assert anna.found and anna.distance(face) == 0


def test_other_faces_are_farther_than_a_blurred_one(anna: identity.OriginalFace, faces: dict[str, np.ndarray]) -> None:
    soft = Image.fromarray(faces["anna"]).resize((96, 96)).resize((1024, 1024))
    others = [anna.distance(faces[name]) for name in ("carlos", "otis")]
    assert 0 < anna.distance(np.array(soft)) < identity.SAME_PERSON < min(others)


def test_numbers_are_those_of_dlibs_own_call(face: np.ndarray, anna: identity.OriginalFace) -> None:
    """dlib cuts the chip itself when it is given picture and landmarks."""
    view = np.array(Image.fromarray(face).resize((512, 512), Image.Resampling.BICUBIC))
    soft = np.array(Image.fromarray(view).resize((64, 64)).resize((512, 512)))
    box = max(dlib.get_frontal_face_detector()(view, 0), key=lambda box: box.area())
    marks = dlib.shape_predictor(identity._model_file("shape_predictor_5_face_landmarks.dat"))(view, box)
    network = dlib.face_recognition_model_v1(identity._model_file("dlib_face_recognition_resnet_model_v1.dat"))
    expected = np.subtract(*(np.array(network.compute_face_descriptor(picture, marks)) for picture in (view, soft)))
    assert identity.OriginalFace(view).distance(soft) == pytest.approx(np.linalg.norm(expected), abs=1e-6)


def test_without_a_face_the_chip_is_that_of_aligned_faces() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    original = identity.OriginalFace(noise)
    changed_outside, changed_inside = noise.copy(), noise.copy()
    changed_outside[:268], changed_outside[968:], changed_outside[:, :170], changed_outside[:, 866:] = 0, 0, 0, 0
    changed_inside[400:700, 300:600] = 0
    assert not original.found
    assert original.distance(changed_outside) == 0 < original.distance(changed_inside)
