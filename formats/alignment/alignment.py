"""Where the crop of a face lies in its photo: the FFHQ crop, its chunk in a .grain file, and the way back.

The crop is an oriented square. Points are complex numbers x + iy, in pixels from the photo's upper left corner,
so that the middle of the first pixel is at 0.5 + 0.5i. `centre` is the middle of the square; `axis` leads from
there to the middle of its right edge. A point of the crop with coordinates u, v from -1 to 1, to the right and
down, lies at centre + (u + iv) axis in the photo.

The content of chunk 08, 12 bytes, little-endian:

    offset  bytes  field     content
    0       2      width     of the upright photo, in pixels
    2       2      height    likewise
    4       2      centre x  in units of the photo's longer side / 2 ** 15
    6       2      centre y  likewise
    8       2      axis x    likewise, signed
    10      2      axis y    likewise, signed

Photos have at least 16 pixels a side and at most 100 million in all; the centre lies within the photo, and the
crop has a side of at least 16 pixels.

A photo of 640x480 pixels, the face in its middle, upright, and its crop 320 pixels wide:

    80 02 e0 01 00 40 00 30 00 20 00 00
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from grain_codec.formats import container
from grain_codec.formats.images.pictures import LEAST_SIDE, MOST_PIXELS
from PIL import Image

from grain_codec.errors import BadImage, Corrupt

UNITS = 1 << 15
"""Units of the stored numbers in the photo's longer side."""

MOST_SIDE = 0xFFFF
FEATHER = 1 / 12
"""Share of the crop's side over which a pasted face fades into the canvas, at each edge."""

STRIP_ROWS = 256
_CORNER = 1 + 1j
_LAYOUT = struct.Struct("<4H2h")


@dataclass(frozen=True)
class Alignment:
    """Where a face's crop lies in its upright photo, exactly as it is stored.

    Attributes:
        width, height: of the photo, in pixels.
        centre_x, centre_y, axis_x, axis_y: in units of the photo's longer side / UNITS.
    """

    width: int
    height: int
    centre_x: int
    centre_y: int
    axis_x: int
    axis_y: int

    def __post_init__(self) -> None:
        """Refuses what cannot be a crop of a photo.

        Raises:
            BadImage: a number is out of bounds.
        """
        if not LEAST_SIDE <= min(self.width, self.height) <= max(self.width, self.height) <= MOST_SIDE:
            raise BadImage(f"alignment: {self.width}x{self.height} has not {LEAST_SIDE} to {MOST_SIDE} pixels a side")
        if self.width * self.height > MOST_PIXELS:
            raise BadImage(f"alignment: {self.width}x{self.height} are more than {MOST_PIXELS} pixels")
        if not (0 <= self.centre.real <= self.width and 0 <= self.centre.imag <= self.height):
            raise BadImage("alignment: the middle of the face lies outside the photo")
        if not -UNITS <= min(self.axis_x, self.axis_y) <= max(self.axis_x, self.axis_y) < UNITS:
            raise BadImage("alignment: the crop is too large for the photo")
        if self.side < LEAST_SIDE:
            raise BadImage(f"alignment: the crop has {self.side:.1f} pixels a side, not {LEAST_SIDE} at least")

    @classmethod
    def nearest(cls, width: int, height: int, centre: complex, axis: complex) -> Alignment:
        """The storable alignment nearest to a square in a photo of that size; raises BadImage out of bounds."""
        scale = UNITS / max(width, height)
        numbers = (centre.real, centre.imag, axis.real, axis.imag)
        return cls(width, height, *(round(number * scale) for number in numbers))

    @property
    def unit(self) -> float:
        """Pixels of the photo in one unit of the stored numbers."""
        return max(self.width, self.height) / UNITS

    @property
    def centre(self) -> complex:
        """The middle of the crop."""
        return complex(self.centre_x, self.centre_y) * self.unit

    @property
    def axis(self) -> complex:
        """From the middle of the crop to the middle of its right edge."""
        return complex(self.axis_x, self.axis_y) * self.unit

    @property
    def side(self) -> float:
        """Side of the crop, in pixels of the photo."""
        return 2 * abs(self.axis)

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the upright box around the crop, which may reach out of the photo."""
        reach = abs(self.axis.real) + abs(self.axis.imag)
        centre = self.centre
        return centre.real - reach, centre.imag - reach, centre.real + reach, centre.imag + reach

    def to_chunk(self) -> container.Chunk:
        """The chunk that travels in the .grain file."""
        numbers = (self.width, self.height, self.centre_x, self.centre_y, self.axis_x, self.axis_y)
        return container.Chunk(container.ALIGNMENT, _LAYOUT.pack(*numbers))


def from_chunk(content: bytes) -> Alignment:
    """Reads what `Alignment.to_chunk` wrote.

    Raises:
        Corrupt: the content has another length, or a number that cannot be.
    """
    if len(content) != _LAYOUT.size:
        raise Corrupt(f"the alignment has {len(content)} bytes, not {_LAYOUT.size}")
    try:
        return Alignment(*_LAYOUT.unpack(content))
    except BadImage as error:
        raise Corrupt(str(error)) from error


def find_alignment(chunks: tuple[container.Chunk, ...]) -> Alignment:
    """The alignment among the chunks of a file.

    Raises:
        BadImage: there is none.
        Corrupt: what there is cannot be.
    """
    for chunk in chunks:
        if chunk.tag == container.ALIGNMENT:
            return from_chunk(chunk.content)
    raise BadImage("the file holds no alignment; it was not encoded with --align")


def ffhq_square(landmarks: np.ndarray) -> tuple[complex, complex]:
    """Centre and axis of the crop that the FFHQ dataset takes of a face.

    The crop is upright with respect to the mean of two directions: from eye to eye, and at right angles to the one
    from the eyes to the mouth. Its side is the larger of 4 eye distances and 3.6 times the way from the eyes to the
    mouth; its middle lies a tenth of that way below the eyes. (Karras, Aila, Laine, Lehtinen, "Progressive Growing
    of GANs", ICLR 2018, appendix C; the FFHQ dataset takes the same from landmarks that were found by dlib.)

    Args:
        landmarks: complex `[68]`, in the order of the iBUG 300-W annotation: 36 to 41 and 42 to 47 surround the
            eyes, 48 and 54 are the corners of the mouth.
    """
    first_eye, second_eye = landmarks[36:42].mean(), landmarks[42:48].mean()
    eyes, mouth = (first_eye + second_eye) / 2, (landmarks[48] + landmarks[54]) / 2
    across, down = second_eye - first_eye, mouth - eyes
    direction = across - 1j * down
    half_side = max(2.0 * abs(across), 1.8 * abs(down))
    return complex(eyes + 0.1 * down), complex(direction / max(abs(direction), 1e-9) * half_side)


def cut(photo: np.ndarray, alignment: Alignment, size: int = 1024) -> np.ndarray:
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
    # Lanczos reaches three pixels of the shrunk photo, bicubic two more.
    margin = 6 / scale
    first_column, first_row = max(0, math.floor(left - margin)), max(0, math.floor(top - margin))
    part = photo[first_row : math.ceil(bottom + margin), first_column : math.ceil(right + margin)]
    rows, columns = part.shape[:2]
    shrunk = Image.fromarray(np.ascontiguousarray(part))
    if scale < 1:
        smaller = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        shrunk = shrunk.resize(smaller, Image.Resampling.LANCZOS)
    across, down = shrunk.width / columns, shrunk.height / rows
    before = (_pixels((first_row - top) * down), _pixels((first_column - left) * across))
    after = (_pixels((bottom - first_row - rows) * down), _pixels((right - first_column - columns) * across))
    padding = ((before[0], after[0]), (before[1], after[1]), (0, 0))
    padded = np.pad(np.asarray(shrunk), padding, mode="symmetric").transpose(2, 0, 1)
    step = 2 * alignment.axis / size
    start = alignment.centre - _CORNER * alignment.axis - complex(first_column, first_row)
    affine = (
        *(step.real * across, -step.imag * across, start.real * across + before[1]),
        *(step.imag * down, step.real * down, start.imag * down + before[0]),
    )
    return _to_bytes(_sampled(padded, (size, size), affine)).transpose(1, 2, 0).copy()


def paste(face: np.ndarray, alignment: Alignment, canvas: np.ndarray) -> np.ndarray:
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
    # Crop coordinates are a complex linear function of those of the photo, as the other way round.
    step = faded.shape[1] / (2 * alignment.axis)
    left, top, right, bottom = alignment.box()
    left, right = max(0, math.floor(left)), min(width, math.ceil(right))
    for row in range(max(0, math.floor(top)), min(height, math.ceil(bottom)), STRIP_ROWS):
        strip = pasted[row : row + STRIP_ROWS, left:right]
        start = (complex(left, row) - alignment.centre) * step + _CORNER * faded.shape[1] / 2
        affine = (step.real, -step.imag, start.real, step.imag, step.real, start.imag)
        _lay_over(_sampled(faded, (strip.shape[1], strip.shape[0]), affine), strip)
    return pasted


def empty_canvas(alignment: Alignment, transparent: bool) -> np.ndarray:
    """A canvas of the photo's size: transparent, uint8 `[height, width, 4]`, or else grey, `[height, width, 3]`."""
    shape = (alignment.height, alignment.width)
    return np.zeros((*shape, 4), np.uint8) if transparent else np.full((*shape, 3), 128, np.uint8)


def _pixels(reach: float) -> int:
    """Whole pixels of padding that cover a way beyond an edge, and what the filter needs."""
    return max(0, math.ceil(reach)) + 3


def _faded(face: np.ndarray, side: float) -> np.ndarray:
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
    return np.stack([Image.fromarray(plane).resize((smaller, smaller), Image.Resampling.LANCZOS) for plane in faded])


def _lay_over(faded: np.ndarray, canvas: np.ndarray) -> None:
    """Draws a piece of what `_faded` gives on a piece of a canvas."""
    opacity = faded[3]
    below = 1 - opacity
    if canvas.shape[2] == 4:
        below *= canvas[..., 3] / np.float32(255)
        canvas[..., 3] = _to_bytes(255 * (opacity + below))
    covered = np.maximum(opacity + below, 1e-6)
    for channel in range(3):
        canvas[..., channel] = _to_bytes((faded[channel] + canvas[..., channel] * below) / covered)


def _sampled(planes: np.ndarray, size: tuple[int, int], affine: tuple[float, ...]) -> np.ndarray:
    """Bicubic samples, float32 `[C, height, width]`, of planes `[C, H, W]` at an affine function of the place.

    Outside the planes the samples are 0.
    """
    # Pillow truncates samples of 8 bits here, which darkens; floats are kept.
    images = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in planes]
    method = (Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return np.stack([image.transform(size, *method) for image in images])


def _to_bytes(samples: np.ndarray) -> np.ndarray:
    """Samples from 0 to 255 as uint8."""
    return np.rint(samples).clip(0, 255).astype(np.uint8)
