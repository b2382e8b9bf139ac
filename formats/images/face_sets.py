"""Many faces: folders of images and tar shards of images, read into one array or one by one as they are needed."""

import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from grain_codec.errors import BadImage
from grain_codec.formats.images.reading import load_picture

SUFFIXES = {".avif", ".bmp", ".heic", ".heif", ".jpeg", ".jpg", ".jxl", ".png", ".ppm", ".tif", ".tiff", ".webp"}
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Place:
    """Where the bytes of an image are: a whole file, or a part of a tar shard."""

    path: Path
    member: str | None = None
    offset: int = 0
    length: int = -1

    @property
    def name(self) -> str:
        """The name of the image in messages."""
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"

    @property
    def stem(self) -> str:
        """File name without folder and suffix."""
        return Path(self.member or self.path).stem

    def read(self) -> bytes:
        """The image's bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


class FaceSet:
    """Faces on disk as a sequence, which can be pickled: each face is read and decoded when it is asked for."""

    def __init__(self, sources: list[Path], size: int, filter: str = "bicubic", most: int | None = None):
        """Looks for the images.

        Args:
            sources: folders (searched recursively), uncompressed tar shards, or single images.
            size: side of every face in pixels.
            filter: how images of another size are resized, one of FILTERS, averaging when downwards.
            most: only the first `most` images; None for all.

        Raises:
            BadImage: a source holds no image, or is a compressed shard; the text names it.
        """
        self.size, self.filter = size, filter
        self.places = [place for source in sources for place in _places_in(source)][:most]
        if not self.places:
            raise BadImage(f"no image in {', '.join(map(str, sources))}")

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """A face as uint8 `[3, size, size]`; raises BadImage, which names it, when it cannot be read."""
        place = self.places[index]
        return _decode(place.name, place.read(), self.size, self.filter)


def read_face_set(sources: list[Path], size: int, workers: int = 4) -> npt.NDArray[np.uint8]:
    """Reads every image of the sources, resized to a square.

    Args:
        sources: folders (searched recursively), tar shards, or single images.
        size: side of the result in pixels; images are averaged down, bicubic.
        workers: decoding threads.

    Returns:
        uint8 `[N, 3, size, size]`, in sorted order of folders and in the order of the shards.

    Raises:
        BadImage: a source holds no image, or an image cannot be read; the text names it.
    """
    faces: list[npt.NDArray[np.uint8]] = []
    with ThreadPoolExecutor(workers) as pool:
        encoded = _encoded_images(sources)
        while chunk := list(islice(encoded, 64 * workers)):
            faces.extend(pool.map(lambda item: _decode(item[0], item[1], size), chunk))
    if not faces:
        raise BadImage(f"no image in {', '.join(map(str, sources))}")
    return np.stack(faces)


def _places_in(source: Path) -> Iterator[Place]:
    """The images of one source, in the order that `read_face_set` has them."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield Place(path)
    elif tarfile.is_tarfile(source):
        try:
            with tarfile.open(source, "r:") as shard:
                for member in _images_in(shard):
                    yield Place(source, member.name, member.offset_data, member.size)
        except tarfile.ReadError as error:
            raise BadImage(f"{source}: a shard to be read piece by piece must not be compressed") from error
    else:
        yield Place(source)


def _images_in(shard: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in shard if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES)


def _encoded_images(sources: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the images of all sources; shards may be compressed."""
    for source in sources:
        if not source.is_dir() and tarfile.is_tarfile(source):
            with tarfile.open(source) as shard:
                for member in _images_in(shard):
                    file = shard.extractfile(member)
                    assert file is not None, "regular files have content"
                    yield f"{source}:{member.name}", file.read()
        else:
            for place in _places_in(source):
                yield place.name, place.read()


def _decode(name: str, encoded: bytes, size: int, filter: str = "bicubic") -> npt.NDArray[np.uint8]:
    """One image as uint8 `[3, size, size]`."""
    try:
        image = load_picture(encoded, name).convert("RGB").resize((size, size), FILTERS[filter])
    except (OSError, ValueError) as error:
        raise BadImage(f"{name}: {error}") from error
    return np.asarray(image).transpose(2, 0, 1).copy()
