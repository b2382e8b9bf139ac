"""Ordinary images in and out: whatever Pillow opens becomes a square of RGB samples, and back to a file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from grain_codec.formats.images.metadata import Metadata, save_options
from PIL import ExifTags, Image, ImageCms, ImageOps, features

from grain_codec.errors import BadImage

MOST_PIXELS = 100_000_000
LEAST_SIDE = 16
STRIP_ROWS = 256
CROPS = ("center", "top")

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

ALPHA_FORMATS = ("PNG", "WEBP", "TIFF", "AVIF")
"""Those of them that can be transparent in parts."""

_SAVE_OPTIONS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": False, "quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "BMP": {},
}

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The image mode that a profile of each colour space applies to."""


def open_picture(source: bytes, name: str) -> Image.Image:
    """Opens and decodes a picture as it is stored, with its metadata; see `read_face` for what it raises."""
    with _without_warnings():
        return load_picture(source, name)


def read_face(source: bytes | Image.Image, name: str, size: int = 1024, crop: str | None = None) -> np.ndarray:
    """Reads a picture of any mode, upright and in sRGB.

    Args:
        source: the file's bytes, or what `open_picture` made of them; of an animation the first frame is taken.
        name: what error texts call the file.
        size: side of the result in pixels.
        crop: how a picture that is not square is cut: "center", "top" (of a portrait), or None to refuse it.

    Returns:
        uint8 `[size, size, 3]`, RGB; transparent parts are white.

    Raises:
        BadImage: no readable picture, too small, too large, or not square; the text begins with `name`.
    """
    return np.array(_resized(_crop_to_square(_load_photo(source, name), name, crop), size))


def read_photo(source: bytes | Image.Image, name: str) -> np.ndarray:
    """Reads a whole picture of any mode and shape, upright and in sRGB.

    Returns:
        uint8 `[height, width, 3]`, RGB; transparent parts are white.

    Raises:
        BadImage: no readable picture, too small or too large; the text begins with `name`.
    """
    return np.array(_load_photo(source, name))


def write_image(pixels: np.ndarray, format: str, metadata: Metadata = Metadata()) -> bytes:
    """Encodes samples as "PNG", "JPEG", "WEBP", "TIFF", "AVIF" or "BMP", in any case.

    Args:
        pixels: uint8 `[height, width, 3]`, RGB; or 4 with alpha for one of ALPHA_FORMATS.

        metadata: what `metadata.for_decoding` found to fit in the format.

    Raises:
        BadImage: the picture is too large for the format.
    """
    format, written = format.upper(), io.BytesIO()
    options = _SAVE_OPTIONS[format] | save_options(metadata, format)
    if format == "TIFF" and metadata.exif:
        # libtiff, which compresses, refuses the directories of EXIF.
        options["compression"] = "raw"
    try:
        Image.fromarray(pixels).save(written, format, **options)
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise BadImage(f"{width}x{height} pixels cannot be written as {format}: {error}") from error
    return written.getvalue()


def resize_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resizes uint8 `[side, side, 3]` to `[size, size, 3]`, Lanczos down and bicubic up."""
    return np.array(_resized(Image.fromarray(pixels), size))


def format_of_suffix(path: Path) -> str:
    """Pillow's name of the format that a file name asks for.

    Raises:
        BadImage: images with this suffix are not written; the text lists those that are. Or this one is written
            by a later Pillow than the installed one.
    """
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        raise BadImage(f"{path}: the suffix names no format; those written are {', '.join(FORMATS)}")
    if format == "AVIF" and not features.check("avif"):
        raise BadImage(f'{path}: the installed Pillow cannot write AVIF; pip install "pillow >= 11.3"')
    return format


def _load_photo(source: bytes | Image.Image, name: str) -> Image.Image:
    """A picture of mode "RGB", upright and in sRGB."""
    picture = source if isinstance(source, Image.Image) else open_picture(source, name)
    with _without_warnings():
        return _to_srgb(upright(picture))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silences Pillow on large pictures, which are decided on here, and on odd metadata, which do not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_picture(source: bytes, name: str) -> Image.Image:
    """What `open_picture` does, for several threads at once: Pillow's warnings come through."""
    announced = _decoded(source, name, header_only=True)
    if announced.format == "EPS":
        # Pillow would have Ghostscript run it.
        raise BadImage(f"{name}: EPS is a program that draws, not a picture")
    _check_size(announced, name)
    image = _decoded(source, name, header_only=False)
    # An icon holds pictures of other sizes than it says.
    _check_size(image, name)
    return image


def _check_size(image: Image.Image, name: str) -> None:
    """Refuses pictures with too many pixels or too few."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadImage(f"{name}: {width}x{height} is more than {MOST_PIXELS // 1_000_000} million pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadImage(f"{name}: {width}x{height} is smaller than {LEAST_SIDE}x{LEAST_SIDE}")


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


def upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; metadata that cannot be parsed leaves the picture as it is."""
    try:
        # Pillow would copy pictures that are upright, and those of many pixels fill the memory.
        return ImageOps.exif_transpose(image) if image.getexif().get(ExifTags.Base.Orientation, 1) != 1 else image
    except Exception:  # broken EXIF raises struct.error, SyntaxError, TypeError, ... by the kind of damage
        return image


def _to_srgb(image: Image.Image) -> Image.Image:
    """The picture as RGB of mode "RGB", its embedded profile applied."""
    profile = image.info.get("icc_profile")
    image = _over_white(_to_eight_bits(image))
    converted = _through_profile(image, profile) if profile else None
    return converted or (image if image.mode == "RGB" else image.convert("RGB"))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits or floats as mode "L"; others unchanged."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling. A transparent level would not be known afterwards.
        transparent = image.info.get("transparency", -1)
        return _mapped(image, lambda levels: _scaled(np.where(levels == transparent, 65535, levels)))
    if image.mode == "F":
        largest = max(np.nan_to_num(np.asarray(strip)).max() for _, strip in _strips(image))
        scale = 255.0 if largest <= 1.0 else 1.0
        return _mapped(image, lambda samples: (np.nan_to_num(samples).astype(np.float64) * scale).round().clip(0, 255))
    return image


def _scaled(levels: np.ndarray) -> np.ndarray:
    """16 bits as 8, rounded; what lies outside is clipped."""
    return (levels.clip(0, 65535).astype(np.int64) + 128) // 257


def _mapped(image: Image.Image, to_grey: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
    """A grey picture of mode "L", made strip by strip: wide numbers of all pixels would fill the memory."""
    mapped = Image.new("L", image.size)
    for top, strip in _strips(image):
        mapped.paste(Image.fromarray(to_grey(np.asarray(strip)).astype(np.uint8)), (0, top))
    return mapped


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """First rows and pictures of the strips that a picture consists of."""
    for top in range(0, image.height, STRIP_ROWS):
        yield top, image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    """Pictures with any kind of transparency over a white ground; palettes resolved."""
    if image.mode == "LA":
        # As grey it takes a quarter of what RGBA takes.
        ground = Image.new("L", image.size, "white")
        ground.paste(image.getchannel("L"), mask=image.getchannel("A"))
        return ground
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image)
        return ground
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
