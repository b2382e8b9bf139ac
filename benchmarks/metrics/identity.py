"""How far a decoded face is from the original as a person: dlib's face recogniser; needs the extra `identity`.

The chip that the recogniser sees is cut where dlib finds the original's face, from both pictures alike. Where it
finds none, the chip is the rectangle in which it finds faces aligned as FFHQ's are: the median over 37 of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.benchmarks.packages import PackageMissing, installed, require
from grain_codec.codec import Pixels
from grain_codec.training.judges.face_chip import CHIP_COLUMNS, CHIP_ROWS, CHIP_SIDE

PACKAGES = ("dlib", "face_recognition_models")
CHIP_PADDING = 0.25

SAME_PERSON = 0.6
"""Below this distance dlib takes two faces for one person (99.38 % right on Labeled Faces in the Wild)."""

DETECTION_SIDE = 512
_RECOGNISER = "dlib_face_recognition_resnet_model_v1.dat"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"


def available() -> bool:
    """Tells whether the extra is installed, without importing anything."""
    return installed(*PACKAGES)


def require_packages() -> None:
    """Raises PackageMissing without the extra."""
    require("the identity distance needs more packages", "identity", *PACKAGES)


def describe() -> str:
    """The recogniser and its version."""
    for package in ("dlib", "dlib-bin"):
        try:
            return f"dlib {version(package)}, {_RECOGNISER.removesuffix('.dat')}"
        except PackageNotFoundError:
            continue
    return _RECOGNISER.removesuffix(".dat")


@dataclass(frozen=True)
class _Loaded:
    """The dlib models that find faces, their landmarks and their descriptors."""

    detector: Any
    predictor: Any
    recogniser: Any


class OriginalFace:
    """An original: where its face is, and the recogniser's numbers for it.

    Attributes:
        found: whether dlib finds a face in it.
    """

    def __init__(self, pixels: Pixels):
        """Looks for the face in pixels uint8 `[S, S, 3]`."""
        self._landmarks = _find(pixels)
        self.found = self._landmarks is not None
        self._descriptor = self._describe(pixels)

    def distance(self, pixels: Pixels) -> float:
        """Euclidean distance of the descriptors of the original and of a picture `[S, S, 3]` of it."""
        return float(np.linalg.norm(self._describe(pixels) - self._descriptor))

    def _describe(self, pixels: Pixels) -> npt.NDArray[np.float64]:
        """The 128 numbers of a picture's face."""
        return np.array(_loaded().recogniser.compute_face_descriptor(self._chip(pixels)))

    def _chip(self, pixels: Pixels) -> Pixels:
        """The crop that the recogniser sees, uint8 `[150, 150, 3]`."""
        if self._landmarks is None:
            side = pixels.shape[0]
            left, right, top, bottom = (round(side * part) for part in (*CHIP_COLUMNS, *CHIP_ROWS))
            cut = Image.fromarray(pixels).crop((left, top, right, bottom))
            return np.array(cut.resize((CHIP_SIDE, CHIP_SIDE), Image.Resampling.BILINEAR))
        import dlib

        chip: Pixels = dlib.get_face_chip(_shrunk(pixels), self._landmarks, CHIP_SIDE, CHIP_PADDING)
        return chip


def _find(pixels: Pixels) -> Any | None:
    """dlib's five landmarks of the largest face, in the picture at DETECTION_SIDE; None where it sees no face."""
    view = _shrunk(pixels)
    boxes = _loaded().detector(view, 0)
    return _loaded().predictor(view, max(boxes, key=lambda box: box.area())) if boxes else None


def _shrunk(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels).resize((DETECTION_SIDE, DETECTION_SIDE), Image.Resampling.BICUBIC)
    return np.array(image)


@lru_cache(maxsize=1)
def _loaded() -> _Loaded:
    """dlib's parts, read once in a process."""
    import dlib

    return _Loaded(
        detector=dlib.get_frontal_face_detector(),
        predictor=dlib.shape_predictor(_model_file(_LANDMARKS)),
        recogniser=dlib.face_recognition_model_v1(_model_file(_RECOGNISER)),
    )


def _model_file(name: str) -> str:
    """A file of the package face-recognition-models.

    Raises:
        PackageMissing: the package lacks it.
    """
    # The package's own functions need setuptools, which new environments lack; its folder is found without them.
    package = find_spec("face_recognition_models")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "models" / name
    if not path.is_file():
        raise PackageMissing(f"the package face-recognition-models lacks {name}; install it anew")
    return str(path)
