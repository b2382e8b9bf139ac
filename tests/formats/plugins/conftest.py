"""A face as `.grain`, and the same with other attributes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import grain_codec
from grain_codec.formats import container


@pytest.fixture(scope="module")
def file(face: np.ndarray) -> bytes:
    """A face as .grain."""
    return grain_codec.encode(face)


@pytest.fixture(scope="module")
def decoded(file: bytes) -> np.ndarray:
    """The face as the codec itself decodes it."""
    return grain_codec.decode(file, kind="numpy")


@pytest.fixture
def path(tmp_path: Path, file: bytes) -> Path:
    """The same file on disk."""
    path = tmp_path / "face.grain"
    path.write_bytes(file)
    return path


@pytest.fixture
def modified() -> Callable[..., bytes]:
    """Gives a well-formed file that differs in some attributes of its StoredFace."""

    def modified_file(file: bytes, **changes: object) -> bytes:
        return container.pack(container.StoredFace(**{**vars(container.unpack(file)), **changes}))

    return modified_file
