"""Faces and the shipped codec, for every test that needs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grain_codec.codec import Codec, load_model
from grain_codec.formats.images import read_face

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="session")
def faces() -> dict[str, np.ndarray]:
    """The example faces by name, uint8 `[1024, 1024, 3]`."""
    return {path.stem: read_face(path.read_bytes(), path.name) for path in sorted(EXAMPLES.glob("*.jpg"))}


@pytest.fixture(scope="session")
def face(faces: dict[str, np.ndarray]) -> np.ndarray:
    """One of them."""
    return faces["anna"]


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The shipped model on the CPU."""
    return load_model(device="cpu")
