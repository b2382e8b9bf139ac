"""What a user would pick instead: ordinary codecs, prescaled so that a face fits in few bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

PRESCALES = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192)
"""Sides in pixels to which a face is shrunk before it is encoded."""


@dataclass(frozen=True)
class Coded:
    """A face as a codec left it.

    Attributes:
        data: the whole file.
        pixels: uint8 `[S, S, 3]`, decoded and drawn at the face's own size.
        prescale: side in pixels at which it was encoded.
    """

    data: bytes
    pixels: np.ndarray
    prescale: int


def best_prescaled_webp(pixels: np.ndarray, max_bytes: int) -> Coded | None:
    """The WebP file of at most `max_bytes` that is nearest to the face, over all prescales.

    Lanczos down, the highest quality that fits (method 6, every encoder effort), Lanczos up.

    Args:
        pixels: uint8 `[S, S, 3]`.

    Returns:
        The best file, or None if none fits.
    """
    candidates = [_webp_at(pixels, prescale, max_bytes) for prescale in PRESCALES]
    fitting = [candidate for candidate in candidates if candidate is not None]
    return min(fitting, key=lambda coded: _squared_error(coded.pixels, pixels), default=None)


def _webp_at(pixels: np.ndarray, prescale: int, max_bytes: int) -> Coded | None:
    """The best WebP at one prescale."""
    small = Image.fromarray(pixels).resize((prescale, prescale), Image.Resampling.LANCZOS)
    best, lowest, highest = None, 0, 100
    while lowest <= highest:
        quality = (lowest + highest) // 2
        data = _webp(small, quality)
        if len(data) <= max_bytes:
            best, lowest = data, quality + 1
        else:
            highest = quality - 1
    if best is None:
        return None
    decoded = Image.open(io.BytesIO(best)).convert("RGB")
    full = decoded.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.LANCZOS)
    return Coded(best, np.asarray(full), prescale)


def _webp(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=quality, method=6)
    return stream.getvalue()


def _squared_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one.astype(np.float32) - other).mean())
