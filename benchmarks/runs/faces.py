"""The faces of a comparison: which files of a folder can be used, and which cannot and why."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grain_codec.benchmarks.tables.rows import cell_text
from grain_codec.codec import Pixels
from grain_codec.errors import BadImage, reason_of
from grain_codec.formats.images.face_sets import SUFFIXES
from grain_codec.formats.images.reading import read_face

DIGEST_LETTERS = 12


@dataclass(frozen=True)
class FaceFile:
    """A usable picture."""

    name: str  # The file's name without its folder, made safe to print.
    path: Path  # The file's path.
    digest: str  # Leading hexadecimal digits of the SHA-256 over its bytes.

    def read(self, size: int) -> Pixels:
        """The face, uint8 `[size, size, 3]`."""
        return read_face(self.path.read_bytes(), self.name, size)


def faces_in(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Names and pixels uint8 `[1024, 1024, 3]` of the images of a folder."""
    for path in _images(folder):
        yield path.name, read_face(path.read_bytes(), path.name)


def usable_faces(folder: Path, size: int, most: int | None = None) -> tuple[list[FaceFile], list[str]]:
    """The faces of a folder that can be measured at a size.

    A picture smaller than that is left out: enlarging it would make samples up.

    Args:
        size: side in pixels at which all faces are compared.
        most: at most so many faces are taken, and the other files not opened.

    Returns:
        The faces by name, and a line for each picture that was left out, which begins with its name.

    Raises:
        OSError: the folder cannot be read.
    """
    usable: list[FaceFile] = []
    left_out = []
    for path in _images(folder):
        if most is not None and len(usable) == most:
            break
        try:
            data = path.read_bytes()
            read_face(data, path.name, size)
            side = min(Image.open(io.BytesIO(data)).size)
            if side < size:
                raise BadImage(f"{path.name}: {side} pixels a side are fewer than the {size} of the comparison")
        except (BadImage, OSError) as error:
            left_out.append(f"{path.name}: {reason_of(error, path.name)}")
        else:
            usable.append(FaceFile(cell_text(path.name), path, hashlib.sha256(data).hexdigest()[:DIGEST_LETTERS]))
    return usable, left_out


def _images(folder: Path) -> list[Path]:
    """The files of a folder that have an image's suffix, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
