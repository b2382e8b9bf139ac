"""Picture files made by Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image, features

FINEST = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 100, "subsampling": "4:4:4"},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
"""The options with which Pillow writes a format with the least loss."""


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    """Makes the file that Pillow writes for an image."""

    def save(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
        written = io.BytesIO()
        image.save(written, format, **options)
        return written.getvalue()

    return save


@pytest.fixture(scope="session")
def saved_finely(saved: Callable[..., bytes]) -> Callable[..., bytes]:
    """Makes such a file with the least loss that its format allows."""

    def save(image: Image.Image, format: str, **options: object) -> bytes:
        if format == "AVIF" and not features.check("avif"):
            pytest.skip("this Pillow is built without AVIF")
        return saved(image, format, **FINEST.get(format, {}), **options)

    return save
