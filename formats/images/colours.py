"""Pictures of any mode to RGB of 8 bits in sRGB."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

STRIP_ROWS = 256  # Rows that are converted at a time where all pixels as wide numbers would fill the memory.
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The image mode that a profile of each colour space applies to."""


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in mode "RGB", its embedded profile applied, over white where it is transparent."""
    profile = image.info.get("icc_profile")
    image = _over_white(_to_eight_bits(image))
    converted = _through_profile(image, profile) if profile else None
    return converted or (image if image.mode == "RGB" else image.convert("RGB"))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits or floats in mode "L"; others unchanged."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # The result no longer knows which level is transparent, so that level becomes white here.
        transparent = image.info.get("transparency", -1)
        return _mapped(image, lambda levels: _high_byte(np.where(levels == transparent, 65535, levels)))
    if image.mode == "F":
        largest = max(np.nan_to_num(np.asarray(strip)).max() for _, strip in _strips(image))
        scale = 255.0 if largest <= 1.0 else 1.0
        return _mapped(image, lambda samples: (np.nan_to_num(samples).astype(np.float64) * scale).round().clip(0, 255))
    return image


def _high_byte(levels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Levels of 16 bits scaled to 8 and rounded. Pillow's own conversion clips them at 255 instead."""
    return (levels.clip(0, 65535).astype(np.int64) + 128) // 257


def _mapped(image: Image.Image, to_grey: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Image.Image:
    """A grey picture in mode "L", whose samples a function computes."""
    mapped = Image.new("L", image.size)
    for top, strip in _strips(image):
        mapped.paste(Image.fromarray(to_grey(np.asarray(strip)).astype(np.uint8)), (0, top))
    return mapped


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture cut into strips: the first row of each, and the strip."""
    for top in range(0, image.height, STRIP_ROWS):
        yield top, image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    """The picture without transparency or palette."""
    if image.mode == "LA":
        # In grey this takes a quarter of the memory that RGBA takes.
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
    """The picture in sRGB, or None when the profile is sRGB, broken, or made for another kind of picture."""
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
