"""Where the crop of a face lies in its photo: the FFHQ crop, and its chunk in a .grain file.

The crop is a square that may be turned. Points are complex numbers x + iy, in pixels from the photo's upper left
corner, so that the middle of the first pixel is at 0.5 + 0.5i. `centre` is the middle of the square; `axis` leads from
there to the middle of its right edge. A point of the crop with coordinates u, v from -1 to 1, to the right and down,
lies at centre + (u + iv) axis in the photo.

The content of chunk 08, 12 bytes, little-endian:

    offset  bytes  field     content
    0       2      width     of the upright photo, in pixels
    2       2      height    likewise
    4       2      centre x  in units of the photo's longer side / 2 ** 15
    6       2      centre y  likewise
    8       2      axis x    likewise, signed
    10      2      axis y    likewise, signed

Photos have at least 16 pixels a side and at most 100 million in all. The centre lies within the photo, and the side of
the crop is at least 16 pixels.

A photo of 640x480 pixels with an upright face in its middle, whose crop is 320 pixels wide:

    80 02 e0 01 00 40 00 30 00 20 00 00
"""

import cmath
import math
import struct
from dataclasses import astuple, dataclass
from typing import Self

from grain_codec.errors import BadImage, Corrupt
from grain_codec.formats import container
from grain_codec.formats.images.reading import LEAST_SIDE, MOST_PIXELS
from grain_codec.settings import Chunk

UNITS = 1 << 15  # Units of the stored numbers in the photo's longer side.
MOST_SIDE = 0xFFFF
_LAYOUT = struct.Struct("<4H2h")


@dataclass(frozen=True)
class Alignment:
    """Where a face's crop lies in its upright photo, in the whole numbers of the file."""

    # The photo's size in pixels.
    width: int
    height: int
    # The crop's place, in units of the photo's longer side / UNITS.
    centre_x: int
    centre_y: int
    axis_x: int
    axis_y: int

    def __post_init__(self) -> None:
        """Raises BadImage where a number is out of bounds."""
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
    def nearest(cls, width: int, height: int, centre: complex, axis: complex) -> Self:
        """Rounds a square in a photo of that size to whole units; raises BadImage where it is out of bounds."""
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
        """Left, top, right and bottom of the upright box around the crop; it may reach beyond the photo."""
        reach = abs(self.axis.real) + abs(self.axis.imag)
        centre = self.centre
        return centre.real - reach, centre.imag - reach, centre.real + reach, centre.imag + reach

    def describe(self) -> dict[str, str]:
        """The photo's size, and where in it the face was, for people."""
        turn, middle = math.degrees(cmath.phase(self.axis)), self.centre
        where = f"{self.side:.0f} px wide around {middle.real:.0f}, {middle.imag:.0f}, turned by {turn:.0f} degrees"
        return {"photo": f"{self.width}x{self.height}", "face": where}

    def to_chunk(self) -> Chunk:
        """The chunk that travels in the .grain file."""
        return Chunk(container.ALIGNMENT, _LAYOUT.pack(*astuple(self)))


def from_chunk(content: bytes) -> Alignment:
    """Reads what `Alignment.to_chunk` wrote.

    Raises:
        Corrupt: the content has another length, or a number that is out of bounds.
    """
    if len(content) != _LAYOUT.size:
        raise Corrupt(f"the alignment has {len(content)} bytes, not {_LAYOUT.size}")
    try:
        return Alignment(*_LAYOUT.unpack(content))
    except BadImage as error:
        raise Corrupt(str(error)) from error


def find_alignment(chunks: tuple[Chunk, ...]) -> Alignment:
    """The alignment among the chunks of a file.

    Raises:
        BadImage: there is none.
        Corrupt: it is damaged.
    """
    for chunk in chunks:
        if chunk.tag == container.ALIGNMENT:
            return from_chunk(chunk.content)
    raise BadImage("the file holds no alignment; its face was not cut out of a photograph")


def ffhq_square(first_eye: complex, second_eye: complex, mouth: complex) -> tuple[complex, complex]:
    """Centre and axis of the crop that the FFHQ dataset takes of a face.

    The crop stands upright along the mean of two directions: from eye to eye, and at right angles to the line from the
    eyes to the mouth. Its side is the larger of 4 eye distances and 3.6 times the distance from the eyes to the mouth;
    its middle lies a tenth of that distance below the eyes. (Karras, Aila, Laine, Lehtinen, "Progressive Growing of
    GANs", ICLR 2018, appendix C; the FFHQ dataset uses the same rule with landmarks that dlib found.)

    Args:
        first_eye: the middle of the person's right eye, as the mean of six points on its edge.
        second_eye: the middle of the left eye.
        mouth: the middle between the corners of the mouth.
    """
    eyes = (first_eye + second_eye) / 2
    across, down = second_eye - first_eye, mouth - eyes
    direction = across - 1j * down
    half_side = max(2.0 * abs(across), 1.8 * abs(down))
    return complex(eyes + 0.1 * down), complex(direction / max(abs(direction), 1e-9) * half_side)
