"""The faces of a photo as models take them: cut out of it, or the photo itself where it is aligned already."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from grain_codec.errors import BadImage, NoFace
from grain_codec.formats.alignment.cropping import cut
from grain_codec.formats.alignment.face_finder import find_faces, is_aligned
from grain_codec.formats.alignment.placement import Alignment
from grain_codec.formats.images.reading import resize_square
from grain_codec.settings import EncodeSettings


@dataclass(frozen=True)
class Portrait:
    """A face in the frame of FFHQ."""

    pixels: npt.NDArray[np.uint8]  # `[size, size, 3]`, RGB.
    place: Alignment | None  # Where in the photo it was; None where the photo was taken as it is.

    def placed(self, settings: EncodeSettings) -> EncodeSettings:
        """Settings whose file also says where the face was; a PNG has no room for that."""
        if self.place is None or settings.carrier != "grain":
            return settings
        return replace(settings, chunks=(*settings.chunks, self.place.to_chunk()))


@dataclass(frozen=True)
class Portraits:
    """The wanted faces of a photo."""

    wanted: tuple[Portrait, ...]
    found: int  # The number of all faces that the photo shows.


def find_portraits(photo: npt.NDArray[np.uint8], size: int, always: bool = False, face: int | None = 1) -> Portraits:
    """Cuts faces out of a photo; takes the photo as it is where it is square and its largest face aligned.

    Args:
        photo: uint8 `[height, width, 3]`, RGB, in any direction.
        size: side of the faces in pixels.
        always: cuts out aligned faces too.
        face: only this one, where 1 is the largest; None for all.

    Raises:
        NoFace: the photo shows no face.
        BadImage: it shows fewer than `face`.
    """
    # Of an aligned photo the small and turned faces beside the large one need not be known.
    places = find_faces(photo, at_once=not always and photo.shape[0] == photo.shape[1])
    if not places:
        raise NoFace("no face found")
    if not always and is_aligned(places[0]):
        return Portraits((Portrait(resize_square(photo, size), None),), len(places))
    if face is not None and face > len(places):
        raise BadImage(f"there is no face {face}; {len(places)} found")
    wanted = places if face is None else [places[face - 1]]
    return Portraits(tuple(Portrait(cut(photo, place, size), place) for place in wanted), len(places))
