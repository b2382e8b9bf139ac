"""Decoded pictures to ordinary image files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from grain_codec.errors import BadImage
from grain_codec.formats.images.grey import is_grey
from grain_codec.formats.images.metadata import Metadata, save_options

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".bmp": "BMP",
}
"""Pillow's format name for each suffix that a decoded face may be written with."""

ALPHA_FORMATS = ("PNG", "WEBP", "TIFF", "AVIF")  # The formats that can be transparent in parts.

_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": False, "quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "BMP": {},
}


LOSSY_FORMATS = ("JPEG", "WEBP", "AVIF")  # The formats that are written with a quality.


def write_image(
    pixels: npt.NDArray[np.uint8], format: str, metadata: Metadata | None = None, quality: int | None = None
) -> bytes:
    """Encodes samples as an image file.

    Args:
        pixels: uint8 `[height, width, 3]`, RGB; or 4 with alpha for one of ALPHA_FORMATS. A picture without colour
            becomes a grey one where the format knows such.
        format: one of the values of FORMATS, in upper or lower case.
        metadata: what `metadata.for_decoding` found to fit in the format.
        quality: from 1 to 100, for one of LOSSY_FORMATS; None for a high one.

    Raises:
        BadImage: the picture is too large for the format.
    """
    format, written = format.upper(), io.BytesIO()
    options = _SAVE_OPTIONS[format] | (save_options(metadata, format) if metadata else {})
    if quality is not None:
        options["quality"] = quality
    if format == "TIFF" and metadata and metadata.exif:
        # libtiff, which compresses, refuses the directories of EXIF.
        options["compression"] = "raw"
    try:
        grey = pixels.shape[2] == 3 and is_grey(pixels)
        Image.fromarray(pixels[:, :, 0] if grey else pixels).save(written, format, **options)
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise BadImage(f"{width}x{height} pixels cannot be written as {format}: {error}") from error
    return written.getvalue()


def format_of_suffix(path: Path) -> str:
    """Pillow's name of the format that a file name asks for.

    Raises:
        BadImage: no image is written with this suffix, and the text lists those that are; or the installed Pillow
            cannot write the format.
    """
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        raise BadImage(f"{path}: the suffix names no format; those written are {', '.join(FORMATS)}")
    if format == "AVIF" and not features.check("avif"):
        raise BadImage(f'{path}: the installed Pillow cannot write AVIF; pip install "pillow >= 11.3"')
    return format
