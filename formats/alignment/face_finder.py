"""Finds the faces of a photo and where the FFHQ crop of each lies.

One network finds faces roughly, in all directions (`detection`). Another one finds the points of each face on its
crop, where every face stands upright and has the same size (`face_mesh`). So the result hardly depends on how large
and how turned a face is in the photo. [networks/NOTICE.md](networks/NOTICE.md) has the origin of both networks.
"""

import numpy as np
import numpy.typing as npt

from grain_codec.errors import BadImage
from grain_codec.formats.alignment.detection import FoundFace, is_same_face, searches
from grain_codec.formats.alignment.face_mesh import refined
from grain_codec.formats.alignment.placement import Alignment

MOST_SHIFT = 0.06  # How far the crop of an aligned face may lie from the middle of its picture, in sides of it.
MOST_TURN_OR_SCALE = 0.15
"""How far from 1 the ratio of an aligned face's axis to that of its whole picture, a complex number, may lie.

It stands for a turn of 9 degrees, or a face that is 15 % too large or too small. Of photographs of the FFHQ set 998 in
1,000 keep both limits."""


def find_faces(photo: npt.NDArray[np.uint8], at_once: bool = False) -> list[Alignment]:
    """Finds the FFHQ crops of a photo's faces, the largest face first.

    Args:
        photo: uint8 `[height, width, 3]`, RGB, in any direction.
        at_once: ends where the first, very quick search shows a face that fills the photo as an aligned one does, and
            does not look for others.
    """
    places: list[Alignment] = []
    for number, candidates in enumerate(searches(photo)):
        is_quick = number == 0
        if is_quick and not at_once:
            continue
        places = sorted(_verified(photo, candidates), key=lambda place: -place.side)
        if places and (not is_quick or is_aligned(places[0])):
            break
    return places


def is_aligned(place: Alignment) -> bool:
    """Tells whether a face lies in its photo about as in an FFHQ crop, so that the photo can be taken as it is."""
    half = complex(place.width, place.height) / 2
    shift = abs(place.centre - half) / place.width
    return place.width == place.height and shift <= MOST_SHIFT and abs(place.axis / half.real - 1) <= MOST_TURN_OR_SCALE


def _verified(photo: npt.NDArray[np.uint8], candidates: list[FoundFace]) -> list[Alignment]:
    """The crops of those candidates that are faces, once for each face."""
    places: list[Alignment] = []
    for face in candidates:
        if any(is_same_face(face, place) for place in places):
            continue
        place = _place(photo, face)
        # Two candidates that lie apart may turn out to be one face.
        if place is not None and not any(is_same_face(place, other) for other in places):
            places.append(place)
    return places


def _place(photo: npt.NDArray[np.uint8], face: FoundFace) -> Alignment | None:
    """The crop of a face; None where there is none, or where its middle lies outside the photo."""
    height, width = photo.shape[:2]
    try:
        rough = Alignment.nearest(width, height, face.centre, face.axis)
        return refined(photo, rough)
    except BadImage:
        return None
