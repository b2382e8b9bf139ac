"""Cuts the crop of a face out of its photo, and pastes a face back to where its crop came from."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.alignment.placement import Alignment

FEATHER = 1 / 12  # Share of the crop's side over which a pasted face fades into the canvas, at each edge.
STRIP_ROWS = 256  # Rows of the canvas that are pasted at a time, which bounds the memory that floats take.
_CORNER = 1 + 1j  # The lower right corner of the crop, in its own coordinates.


def cut(photo: npt.NDArray[np.uint8], alignment: Alignment, size: int = 1024) -> npt.NDArray[np.uint8]:
    """The crop of a face, upright; beyond the photo's edges the photo is reflected.

    Args:
        photo: uint8 `[height, width, 3]`, of the alignment's size.
        size: side of the result in pixels.

    Returns:
        uint8 `[size, size, 3]`
    """
    assert photo.shape == (alignment.height, alignment.width, 3)
    left, top, right, bottom = alignment.box()
    scale = min(1.0, size / alignment.side)
    # The result depends on up to five pixels of the shrunk photo beyond the box: Lanczos takes three, bicubic two.
    margin = 6 / scale
    first_column, first_row = max(0, math.floor(left - margin)), max(0, math.floor(top - margin))
    part = photo[first_row : math.ceil(bottom + margin), first_column : math.ceil(right + margin)]
    rows, columns = part.shape[:2]
    shrunk = Image.fromarray(np.ascontiguousarray(part))
    if scale < 1:
        smaller = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        shrunk = shrunk.resize(smaller, Image.Resampling.LANCZOS)
    across, down = shrunk.width / columns, shrunk.height / rows
    # Mirrored pixels stand in for what the box and the filter need beyond the photo's edges.
    before = (_padding((first_row - top) * down), _padding((first_column - left) * across))
    after = (_padding((bottom - first_row - rows) * down), _padding((right - first_column - columns) * across))
    padding = ((before[0], after[0]), (before[1], after[1]), (0, 0))
    padded = np.pad(np.asarray(shrunk), padding, mode="symmetric").transpose(2, 0, 1)
    # An affine function leads from the pixels of the result to those of the padded part.
    step = 2 * alignment.axis / size
    start = alignment.centre - _CORNER * alignment.axis - complex(first_column, first_row)
    affine = (
        *(step.real * across, -step.imag * across, start.real * across + before[1]),
        *(step.imag * down, step.real * down, start.imag * down + before[0]),
    )
    return _to_bytes(_sampled(padded, (size, size), affine)).transpose(1, 2, 0).copy()


def paste(face: npt.NDArray[np.uint8], alignment: Alignment, canvas: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Puts a face back where its crop came from; its edges fade into the canvas.

    Args:
        face: uint8 `[S, S, 3]`.
        canvas: uint8 `[height, width, 3]`, or 4 with alpha, of the photo's size.

    Returns:
        uint8, of the canvas's shape.

    Raises:
        BadImage: the canvas has another size than the photo.
    """
    height, width = canvas.shape[:2]
    if (width, height) != (alignment.width, alignment.height):
        stored = f"{alignment.width}x{alignment.height}"
        raise BadImage(f"the canvas has {width}x{height} pixels, but the face comes from a photo of {stored}")
    pasted, faded = canvas.copy(), _faded(face, alignment.side)
    # In complex numbers an affine function leads from the pixels of the photo to those of the face.
    step = faded.shape[1] / (2 * alignment.axis)
    left, top, right, bottom = alignment.box()
    left, right = max(0, math.floor(left)), min(width, math.ceil(right))
    for row in range(max(0, math.floor(top)), min(height, math.ceil(bottom)), STRIP_ROWS):
        strip = pasted[row : row + STRIP_ROWS, left:right]
        start = (complex(left, row) - alignment.centre) * step + _CORNER * faded.shape[1] / 2
        affine = (step.real, -step.imag, start.real, step.imag, step.real, start.imag)
        _lay_over(_sampled(faded, (strip.shape[1], strip.shape[0]), affine), strip)
    return pasted


def empty_canvas(alignment: Alignment, transparent: bool) -> npt.NDArray[np.uint8]:
    """A canvas of the photo's size: transparent, uint8 `[height, width, 4]`, or else grey, `[height, width, 3]`."""
    shape = (alignment.height, alignment.width)
    return np.zeros((*shape, 4), np.uint8) if transparent else np.full((*shape, 3), 128, np.uint8)


def _padding(reach: float) -> int:
    """Whole pixels of padding for a box that reaches that far beyond an edge; the filter needs three more."""
    return max(0, math.ceil(reach)) + 3


def _faded(face: npt.NDArray[np.uint8], side: float) -> npt.NDArray[np.float32]:
    """The face with an opacity that falls to 0 at its edges, shrunk where it will be drawn smaller.

    Returns:
        float32 `[4, S, S]`: samples from 0 to 255 times opacity, and the opacity from 0 to 1.
    """
    size = len(face)
    inwards = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) / (FEATHER * size)
    ramp = 0.5 - 0.5 * np.cos(np.pi * inwards.clip(0, 1))
    opacity = ramp[:, None] * ramp
    faded = np.concatenate([face.transpose(2, 0, 1) * opacity, opacity[None]]).astype(np.float32)
    smaller = min(size, max(1, round(side)))
    planes = [Image.fromarray(plane).resize((smaller, smaller), Image.Resampling.LANCZOS) for plane in faded]
    return np.stack([np.asarray(plane) for plane in planes])


def _lay_over(faded: npt.NDArray[np.float32], canvas: npt.NDArray[np.uint8]) -> None:
    """Draws a strip of a faded face over the same strip of a canvas, in place."""
    opacity = faded[3]
    below = 1 - opacity
    if canvas.shape[2] == 4:
        below *= canvas[..., 3] / np.float32(255)
        canvas[..., 3] = _to_bytes(255 * (opacity + below))
    covered = np.maximum(opacity + below, 1e-6)
    for channel in range(3):
        canvas[..., channel] = _to_bytes((faded[channel] + canvas[..., channel] * below) / covered)


def _sampled(planes: npt.NDArray[Any], size: tuple[int, int], affine: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Resamples planes `[C, H, W]` bicubically; `affine` says where each pixel of the result lies in them.

    Returns:
        float32 `[C, height, width]`, 0 outside the planes.
    """
    # Pillow truncates samples of 8 bits here, which darkens the picture; floats keep their fractions.
    images = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in planes]
    method = (Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return np.stack([np.asarray(image.transform(size, *method)) for image in images])


def _to_bytes(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Samples from 0 to 255 as uint8."""
    return np.asarray(np.rint(samples)).clip(0, 255).astype(np.uint8)
