"""Ordinary images in and out: whatever Pillow opens becomes a square of RGB samples, and back to a file."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from grain_codec.errors import BadImage

MOST_PIXELS = 100_000_000
LEAST_SIDE = 16
CROPS = ("center", "top")

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Pillow's format name for each suffix that a decoded face may be written with."""

_SAVE_OPTIONS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": False, "quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The image mode that a profile of each colour space applies to."""


def read_face(source: bytes, name: str, size: int = 1024, crop: str | None = None) -> np.ndarray:
    """Reads a picture of any mode, upright and in sRGB.

    Args:
        source: the file's bytes; of an animation the first frame is taken.
        name: what error texts call the file.
        size: side of the result in pixels.
        crop: how a picture that is not square is cut: "center", "top" (of a portrait), or None to refuse it.

    Returns:
        uint8 `[size, size, 3]`, RGB; transparent parts are white.

    Raises:
        BadImage: no readable picture, too small, too large, or not square; the text begins with `name`.
    """
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd metadata; the first is decided here, the second does not matter.
        warnings.simplefilter("ignore")
        image = _load(source, name)
        image = _crop_to_square(_to_srgb(_upright(image)), name, crop)
    return np.array(_resized(image, size))


def write_image(pixels: np.ndarray, format: str) -> bytes:
    """Encodes uint8 `[height, width, 3]` RGB samples as "PNG", "JPEG", "WEBP", "TIFF" or "BMP", in any case."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format.upper(), **_SAVE_OPTIONS[format.upper()])
    return written.getvalue()


def resize_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resizes uint8 `[side, side, 3]` to `[size, size, 3]`, Lanczos down and bicubic up."""
    return np.array(_resized(Image.fromarray(pixels), size))


def format_of_suffix(path: Path) -> str:
    """Pillow's name of the format that a file name asks for.

    Raises:
        BadImage: images with this suffix are not written; the text lists those that are.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise BadImage(f"{path}: the suffix names no format; those written are {', '.join(FORMATS)}") from None


def _load(source: bytes, name: str) -> Image.Image:
    """Opens and decodes a picture whose header announces an acceptable size."""
    image = _decoded(source, name, header_only=True)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadImage(f"{name}: {width}x{height} is more than {MOST_PIXELS // 1_000_000} million pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadImage(f"{name}: {width}x{height} is smaller than {LEAST_SIDE}x{LEAST_SIDE}")
    return _decoded(source, name, header_only=False)


def _decoded(source: bytes, name: str, header_only: bool) -> Image.Image:
    """What Pillow makes of the bytes, with all its ways to fail made into one."""
    try:
        image = Image.open(io.BytesIO(source))
        if not header_only:
            image.load()
    except Image.UnidentifiedImageError as error:
        raise BadImage(f"{name}: no picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise BadImage(f"{name}: more than {MOST_PIXELS // 1_000_000} million pixels") from error
    except Exception as error:  # damaged files make Pillow's plugins raise nearly anything, even KeyError
        raise BadImage(f"{name}: damaged picture: {error}") from error
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; metadata that cannot be parsed leaves the picture as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF raises struct.error, SyntaxError, TypeError, ... by the kind of damage
        return image


def _to_srgb(image: Image.Image) -> Image.Image:
    """The picture as RGB of mode "RGB", its embedded profile applied."""
    profile = image.info.get("icc_profile")
    image = _over_white(_to_eight_bits(image))
    converted = _through_profile(image, profile) if profile else None
    return converted or image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits or floats as mode "L"; others unchanged."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        levels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        samples = np.nan_to_num(np.asarray(image).astype(np.float64))
        scale = 255.0 if samples.max() <= 1.0 else 1.0
        return Image.fromarray((samples * scale).round().clip(0, 255).astype(np.uint8))
    return image


def _over_white(image: Image.Image) -> Image.Image:
    """Pictures with any kind of transparency over a white ground; palettes resolved."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB") if image.mode == "P" else image


def _through_profile(image: Image.Image, profile_bytes: bytes) -> Image.Image | None:
    """The picture in sRGB, or None when the profile is sRGB already, broken, or made for another kind of picture."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return None
        mode = _PROFILE_MODES[profile.profile.xcolor_space.strip()]
        if image.mode != mode:
            if mode != "RGB" or image.mode == "CMYK":
                return None
            image = image.convert("RGB")
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, ImportError, KeyError, OSError, TypeError, ValueError):
        return None


def _crop_to_square(image: Image.Image, name: str, crop: str | None) -> Image.Image:
    """The largest square of the picture that `crop` asks for."""
    width, height = image.size
    if width == height:
        return image
    if crop not in CROPS:
        raise BadImage(f"{name}: {width}x{height} is not square; cut it with --crop center or --crop top")
    side = min(width, height)
    left = (width - side) // 2
    top = 0 if crop == "top" else (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _resized(image: Image.Image, size: int) -> Image.Image:
    """A square picture with another side."""
    if image.width == size:
        return image
    method = Image.Resampling.LANCZOS if image.width > size else Image.Resampling.BICUBIC
    return image.resize((size, size), method)
