"""`.grain` files through imageio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import grain_codec
from grain_codec.formats.plugins import register_imageio
from grain_codec.formats.plugins.pillow_plugin import GrainPluginError

imageio = pytest.importorskip("imageio.v3")
register_imageio()


@pytest.fixture
def path(tmp_path: Path, face: np.ndarray) -> Path:
    """A face as imageio writes it."""
    path = tmp_path / "face.grain"
    imageio.imwrite(path, face, quality=3)
    return path


def test_a_face_is_written_and_read(path: Path, face: np.ndarray):
    data = path.read_bytes()
    assert data == grain_codec.encode(face, quality=3)
    np.testing.assert_array_equal(imageio.imread(path), grain_codec.decode(data, kind="numpy"))
    np.testing.assert_array_equal(imageio.imread(data), imageio.imread(path))


def test_metadata_and_properties(path: Path):
    metadata = imageio.immeta(path)
    assert (metadata["quality"], metadata["bytes"]) == (3, path.stat().st_size)
    assert {"fine_quality", "fingerprint"} <= set(metadata)
    properties = imageio.improps(path)
    assert (properties.shape, properties.dtype) == ((1024, 1024, 3), np.uint8)


def test_bytes_are_written(face: np.ndarray):
    data = imageio.imwrite("<bytes>", face, extension=".grain", max_bytes=150)
    assert data == grain_codec.encode(face, max_bytes=150)


def test_registering_again_changes_nothing():
    from imageio.config import known_extensions

    before = list(known_extensions[".grain"])
    register_imageio()
    assert known_extensions[".grain"] == before


def test_errors_say_the_reason(path: Path, face: np.ndarray):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GrainPluginError, match="damaged or cut short"):
        imageio.imread(path)
    with pytest.raises(GrainPluginError, match="not square"):
        imageio.imwrite("<bytes>", face[:500], extension=".grain")
