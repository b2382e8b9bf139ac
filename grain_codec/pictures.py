"""The image types that users hold, to and from the codec's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.errors import BadImage, NoFace
from grain_codec.formats.alignment.portraits import find_portraits
from grain_codec.formats.images.reading import check_sides, read_photo, resize_square
from grain_codec.settings import EncodeSettings

if TYPE_CHECKING:
    from torch import Tensor

Pixels = npt.NDArray[np.uint8]
Kind = Literal["pil", "numpy", "torch"]
Picture: TypeAlias = "Image.Image | Pixels | Tensor"
Decoded: TypeAlias = "Image.Image | Pixels | Tensor"

KINDS = ("pil", "numpy", "torch")
SIZES = range(16, 4097)  # The sides to which faces are resized.


def is_batch(image: Picture | Sequence[Picture]) -> bool:
    """Tells whether several pictures are given: a list, or an array of four dimensions."""
    return isinstance(image, (list, tuple)) or getattr(image, "ndim", 3) == 4


def to_pixels(image: Picture | Sequence[Picture]) -> list[Pixels]:
    """Pictures as uint8 `[height, width, 3]` each; see `grain_codec.encode`.

    Raises:
        BadImage: an image is of another type or layout, too small or too large, or cannot be read.
    """
    pictures: Any = image if is_batch(image) else [image]
    converted = [_pixels_of(each) for each in pictures]
    for pixels in converted:
        check_sides(pixels.shape[1], pixels.shape[0], "the image")
    return converted


def to_face(pixels: Pixels, size: int, align: str, settings: EncodeSettings) -> tuple[Pixels, EncodeSettings]:
    """The face of a picture for a model, with what says where it was; see `grain_codec.encode`.

    Raises:
        NoFace: none was found.
        BadImage: a picture that may not be aligned has not the model's size.
    """
    if align == "never":
        if pixels.shape != (size, size, 3):
            height, width = pixels.shape[:2]
            raise BadImage(f"the image has {width}x{height} pixels; without alignment it must have {size}x{size}")
        return pixels, settings
    try:
        [portrait] = find_portraits(pixels, size, align == "always").wanted
    except NoFace as error:
        raise NoFace('no face found; align="never" takes a square picture as it is') from error
    return portrait.pixels, portrait.placed(settings)


def to_files(data: bytes | Sequence[bytes]) -> Sequence[bytes]:
    """Files of `grain_codec.decode`; raises ValueError for anything but bytes, and for a path says what to do."""
    given: Sequence[object] = data if isinstance(data, (list, tuple)) else [data]
    files: list[bytes] = []
    for each in given:
        if isinstance(each, (str, PathLike)):
            raise ValueError(f"a file to decode is bytes, not a path; pass Path({str(each)!r}).read_bytes()")
        if not isinstance(each, bytes):
            raise ValueError(f"a file to decode is bytes, not {type(each).__name__}")
        files.append(each)
    return files


def from_pixels(pixels: list[Pixels], kind: Kind, size: int | None = None) -> Any:
    """Faces uint8 `[S, S, 3]` as a list of PIL images or numpy arrays, or as one torch batch in [0, 1].

    Raises:
        ValueError: there is no such kind, or the size is out of range.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    if size is not None:
        if size not in SIZES:
            raise ValueError(f"size {size} is outside {SIZES.start}..{SIZES.stop - 1}")
        pixels = [resize_square(face, size) for face in pixels]
    if kind == "numpy":
        return pixels
    if kind == "pil":
        return [Image.fromarray(face) for face in pixels]
    import torch

    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255


def _pixels_of(image: object) -> Pixels:
    """One picture as uint8 `[height, width, 3]`."""
    if isinstance(image, Image.Image):
        return read_photo(image, "the image")
    if isinstance(image, np.ndarray):
        if image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
            return image
    elif type(image).__module__ == "torch" and tuple(getattr(image, "shape", ()))[:-2] == (3,):
        return _pixels_of_tensor(image)
    raise BadImage(_refusal(image))


def _pixels_of_tensor(image: Any) -> Pixels:
    """A tensor `[3, height, width]` as uint8 `[height, width, 3]`."""
    tensor = image.detach()
    whole = (tensor.float() * 255).round().clamp(0, 255).byte() if tensor.is_floating_point() else tensor
    pixels: Pixels = whole.permute(1, 2, 0).cpu().numpy()
    return pixels


def _refusal(image: object) -> str:
    """Why an object is no picture."""
    if isinstance(image, (str, PathLike)):
        return f"a picture is a PIL image, a numpy array or a torch tensor, not a path; pass Image.open({str(image)!r})"
    shape = getattr(image, "shape", None)
    if shape is None:
        return f"a picture is a PIL image, a numpy array or a torch tensor, not {type(image).__name__}"
    kind = f"{getattr(image, 'dtype', type(image).__name__)} {list(shape)}"
    return f"a picture is numpy uint8 [height, width, 3] or torch [3, height, width], not {kind}"
