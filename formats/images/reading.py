"""Ordinary image files in: whatever Pillow opens becomes RGB samples, upright and in sRGB."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from grain_codec.errors import BadImage
from grain_codec.formats.images.colours import to_srgb
from grain_codec.formats.images.further_formats import enable_format, is_upright_by_itself

MOST_PIXELS = 100_000_000
LEAST_SIDE = 16
CROPS = ("center", "top")


class UnknownPicture(BadImage):
    """The bytes are no picture of a format that Pillow knows."""


def open_picture(source: bytes, name: str) -> Image.Image:
    """Opens and decodes a picture as it is stored, with its metadata; see `read_face` for what it raises."""
    with _without_warnings():
        return load_picture(source, name)


def is_picture(source: bytes) -> bool:
    """Tells whether the bytes start as a picture of a format that Pillow knows; no pixel is decoded."""
    try:
        with _without_warnings():
            _decoded(source, "the picture", header_only=True)
    except UnknownPicture:
        return False
    except BadImage:  # It is one, though damaged or too large.
        return True
    return True


def read_face(
    source: bytes | Image.Image, name: str, size: int = 1024, crop: str | None = None
) -> npt.NDArray[np.uint8]:
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


def read_photo(source: bytes | Image.Image, name: str) -> npt.NDArray[np.uint8]:
    """Reads a whole picture of any mode and shape, upright and in sRGB.

    Returns:
        uint8 `[height, width, 3]`, RGB; transparent parts are white.

    Raises:
        BadImage: no readable picture, too small or too large; the text begins with `name`.
    """
    return np.array(_load_photo(source, name))


def resize_square(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resizes uint8 `[side, side, 3]` to `[size, size, 3]`, Lanczos down and bicubic up."""
    return np.array(_resized(Image.fromarray(pixels), size))


def load_picture(source: bytes, name: str) -> Image.Image:
    """Does what `open_picture` does, but may run in several threads at once; Pillow's warnings come through."""
    enable_format(source, name, lambda width, height: check_sides(width, height, name))
    announced = _decoded(source, name, header_only=True)
    if announced.format == "EPS":
        # Pillow would let Ghostscript run it.
        raise BadImage(f"{name}: EPS is a program that draws, not a picture")
    check_size(announced, name)
    image = _decoded(source, name, header_only=False)
    # An icon can hold pictures of other sizes than its header says.
    check_size(image, name)
    return image


def check_size(image: Image.Image, name: str) -> None:
    """Raises BadImage for a picture with too many pixels or too few."""
    check_sides(*image.size, name)


def check_sides(width: int, height: int, name: str) -> None:
    """Raises BadImage for a width and a height that `check_size` would refuse."""
    if width * height > MOST_PIXELS:
        raise BadImage(f"{name}: {width}x{height} is more than {MOST_PIXELS // 1_000_000} million pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadImage(f"{name}: {width}x{height} is smaller than {LEAST_SIDE}x{LEAST_SIDE}")


def upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; metadata that cannot be parsed leave the picture as it is."""
    if is_upright_by_itself(image):
        return image
    try:
        # Pillow would copy even an upright picture, and a large copy can fill the memory.
        return ImageOps.exif_transpose(image) if image.getexif().get(ExifTags.Base.Orientation, 1) != 1 else image
    except Exception:  # Broken EXIF raises struct.error, SyntaxError, TypeError and others.
        return image


def _load_photo(source: bytes | Image.Image, name: str) -> Image.Image:
    picture = source if isinstance(source, Image.Image) else open_picture(source, name)
    with _without_warnings():
        return to_srgb(upright(picture))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silences Pillow's warnings about odd metadata and about large pictures, whose size is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decoded(source: bytes, name: str, header_only: bool) -> Image.Image:
    """Opens the bytes with Pillow and turns all its errors into BadImage."""
    try:
        image = Image.open(io.BytesIO(source))
        if not header_only:
            image.load()
    except UnidentifiedImageError as error:
        raise UnknownPicture(f"{name}: no picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise BadImage(f"{name}: more than {MOST_PIXELS // 1_000_000} million pixels") from error
    except Exception as error:  # Damaged files make Pillow's plugins raise nearly anything, even KeyError.
        raise BadImage(f"{name}: damaged picture: {error}") from error
    return image


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
    if image.width == size:
        return image
    method = Image.Resampling.LANCZOS if image.width > size else Image.Resampling.BICUBIC
    return image.resize((size, size), method)
