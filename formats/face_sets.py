"""Many faces at once: folders of images and tar shards of images, read into one array."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from grain_codec.errors import BadImage

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def read_face_set(sources: list[Path], size: int, workers: int = 4) -> np.ndarray:
    """Reads every image of the sources, resized to a square.

    Args:
        sources: folders (searched recursively), tar shards, or single images.
        size: side of the result in pixels; images are averaged down, bicubic.
        workers: decoding threads.

    Returns:
        uint8 `[N, 3, size, size]`, in sorted order of folders and in the order of the shards.

    Raises:
        BadImage: a source holds no image, or an image cannot be read; the text names it.
    """
    faces = []
    with ThreadPoolExecutor(workers) as pool:
        encoded = _encoded_images(sources)
        while chunk := list(islice(encoded, 64 * workers)):
            faces.extend(pool.map(lambda item: _decode(*item, size), chunk))
    if not faces:
        raise BadImage(f"no image in {', '.join(map(str, sources))}")
    return np.stack(faces)


def _encoded_images(sources: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the images of all sources."""
    for source in sources:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.suffix.lower() in SUFFIXES and path.is_file():
                    yield str(path), path.read_bytes()
        elif tarfile.is_tarfile(source):
            with tarfile.open(source) as shard:
                for member in shard:
                    if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                        yield f"{source}:{member.name}", shard.extractfile(member).read()
        else:
            yield str(source), source.read_bytes()


def _decode(name: str, encoded: bytes, size: int) -> np.ndarray:
    """One image as uint8 `[3, size, size]`."""
    try:
        image = Image.open(io.BytesIO(encoded)).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage(f"{name}: {error}") from error
    return np.asarray(image).transpose(2, 0, 1).copy()
