"""What is done to one file: bytes in, bytes out. Tasks travel to other processes, their models do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grain_codec.errors import GrainError, reason_of

if TYPE_CHECKING:
    import numpy as np
    from grain_codec.formats.alignment.alignment import Alignment
    from grain_codec.formats.container import Chunk
    from PIL.Image import Image

    from grain_codec.codec import Codec
    from grain_codec.runtime.encode_pipeline import Photograph

DEFAULT_MODEL = "face-1024"
DEFAULT_QUALITY = 5

MOST_THREADS = 2
"""Threads of torch for a model as small as face-1024 on a CPU.

`python -m grain_codec.benchmarks.speed` has a row for each number. On two idle cores a second thread nearly halves the
network's time and a search's. What more would give was not measured; other cores are for other files: --jobs.
"""


@dataclass(frozen=True, slots=True)
class Converted:
    """What a task makes of a file: the output's bytes, what its user should know of them, and further outputs."""

    data: bytes
    notices: tuple[str, ...] = ()
    further: tuple[bytes, ...] = ()


Task = Callable[[bytes, str], Converted]
"""Makes an output from an input's bytes and its name."""


class RunImpossible(Exception):
    """Something that every file needs is missing."""


class ModelUnavailable(RunImpossible):
    """The model cannot be loaded, so that no file can be converted."""


class LazyModel:
    """A model that is loaded when it is first asked for, once in every process that asks."""

    def __init__(self, name: str = DEFAULT_MODEL, device: str = "auto", precision: str = "auto"):
        """The arguments are those of `codec.load_model`."""
        self.name, self.device, self.precision = name, device, precision
        self._codec: Codec | None = None

    def __reduce__(self) -> tuple[type[LazyModel], tuple[str, str, str]]:
        """Another process loads the model for itself."""
        return LazyModel, (self.name, self.device, self.precision)

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory already."""
        return self._codec is not None

    def codec(self) -> Codec:
        """The model's codec.

        Raises:
            ModelUnavailable: it cannot be loaded.
        """
        if self._codec is None:
            from grain_codec.codec import load_model

            with self._explained():
                self._codec = load_model(self.name, self.device, self.precision)
            _limit_threads(self._codec)
        return self._codec

    def image_size(self) -> int:
        """Side of the faces that the model takes, in pixels; its weights file says so without the network.

        Raises:
            ModelUnavailable: there is no such file.
        """
        from grain_codec.weights import find_model, read_model

        with self._explained():
            return read_model(find_model(self.name)).spec.image_size

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Names the model that cannot be loaded."""
        try:
            yield
        except (GrainError, OSError) as error:
            raise ModelUnavailable(f"{self.name}: {reason_of(error, self.name)}") from error


def _limit_threads(codec: Codec) -> None:
    """Takes no more threads than pay; the published networks, which are far larger, are left to torch."""
    import torch

    from grain_codec.models.face1024.spec import Face1024Spec

    if codec.device.type == "cpu" and isinstance(codec.spec, Face1024Spec):
        torch.set_num_threads(min(torch.get_num_threads(), MOST_THREADS))


@dataclass(frozen=True)
class EncodeTask:
    """A photograph to a .grain file or a carrier; the fields are the options of grain-encode.

    Attributes:
        align: the face is looked for, and cut out as FFHQ does.
        face: which one, counted from the largest, 1; None makes an output of each.
        check: a notice is given where the face of a picture that is not aligned here is elsewhere than FFHQ's.
    """

    model: LazyModel
    quality: int = DEFAULT_QUALITY
    max_bytes: int | None = None
    carrier: str = "grain"
    effort: int = 0
    crop: str | None = None
    keep_metadata: bool = False
    keep_gps: bool = False
    align: bool = False
    face: int | None = 1
    check: bool = False

    def __call__(self, data: bytes, name: str) -> Converted:
        """The file, or those of all faces; raises GrainError for what cannot be encoded."""
        if not self.align:
            photograph = self.read(data, name, self.model.image_size())
            return Converted(self._encode(photograph.pixels, photograph.chunks), photograph.notices)
        picture, chunks, notices = self._opened(data, name)
        encoded = [self._encode(pixels, (*chunks, place)) for pixels, place in self._aligned(picture, name)]
        return Converted(encoded[0], notices, tuple(encoded[1:]))

    def read(self, data: bytes, name: str, size: int) -> Photograph:
        """A picture that is one face, at the size that the model takes; raises GrainError for what is none."""
        from grain_codec.formats.images.pictures import read_face

        from grain_codec.runtime.encode_pipeline import Photograph

        picture, chunks, notices = self._opened(data, name)
        pixels = read_face(picture, name, size, self.crop)
        return Photograph(pixels, chunks, notices + self._objections(pixels))

    def _opened(self, data: bytes, name: str) -> tuple[Image, tuple[Chunk, ...], tuple[str, ...]]:
        """A picture, what of its metadata travels along, and notices of what does not."""
        from grain_codec.formats.images.metadata import for_encoding
        from grain_codec.formats.images.pictures import open_picture

        picture = open_picture(data, name)
        return picture, *for_encoding(picture, self.keep_metadata, self.keep_gps)

    def _encode(self, pixels: np.ndarray, chunks: tuple[Chunk, ...]) -> bytes:
        """The file of one face, uint8 `[S, S, 3]`."""
        codec = self.model.codec()
        return codec.encode_face(pixels, self.quality, self.max_bytes, self.carrier, self.effort, chunks)

    def _aligned(self, picture: Image, name: str) -> list[tuple[np.ndarray, Chunk]]:
        """The faces that are wanted of a picture, uint8 `[S, S, 3]`, and the chunks that say where they were."""
        from grain_codec.formats.alignment.alignment import cut
        from grain_codec.formats.alignment.face_finder import FaceFinderMissing, find_faces
        from grain_codec.formats.images.pictures import read_photo

        photo = read_photo(picture, name)
        try:
            size = self.model.image_size()
            return [(cut(photo, place, size), place.to_chunk()) for place in find_faces(photo, self.face)]
        except FaceFinderMissing as error:
            raise RunImpossible(str(error)) from error

    def _objections(self, pixels: np.ndarray) -> tuple[str, ...]:
        """A notice if the face is not aligned, as far as it is to be checked and can be."""
        from grain_codec.formats.alignment import face_finder

        if self.check and face_finder.available() and face_finder.is_misplaced(pixels):
            return ("the face is not where an aligned photograph has it; --align finds and crops it",)
        return ()


@dataclass(frozen=True)
class DecodeTask:
    """A .grain file or a carrier to a picture; the fields are the options of grain-decode.

    Attributes:
        paste: the face is put where it was, in an empty picture of the photo's size.
        canvas: the face is put where it was, in the photo at this path.
    """

    model: LazyModel
    image_format: str = "PNG"
    size: int | None = None
    thumbnail: bool = False
    picture: str | None = None
    fine_quality: int | None = None
    strip_metadata: bool = False
    paste: bool = False
    canvas: str | None = None

    def __call__(self, data: bytes, name: str) -> Converted:
        """The picture; raises GrainError for what cannot be decoded."""
        from grain_codec.formats.images.metadata import for_decoding
        from grain_codec.formats.images.pictures import resize_square, write_image

        from grain_codec.codec import low_resolution_image, read_chunks

        if self.thumbnail or not self.model.loaded:
            # Without the network it takes milliseconds to refuse a damaged file, with it seconds.
            pixels = low_resolution_image(data, self.model.name, self.fine_quality)
        chunks = read_chunks(data)
        surroundings = self._surroundings(chunks)
        if not self.thumbnail:
            pixels = self.model.codec().decode_face(data, self.fine_quality, self.picture)
        pixels = pixels if self.size is None else resize_square(pixels, self.size)
        if surroundings is not None:
            from grain_codec.formats.alignment.alignment import paste

            pixels = paste(pixels, *surroundings)
        metadata, notices = for_decoding(() if self.strip_metadata else chunks, self.image_format)
        return Converted(write_image(pixels, self.image_format, metadata), notices)

    def _surroundings(self, chunks: tuple[Chunk, ...]) -> tuple[Alignment, np.ndarray] | None:
        """Where the face goes, and the picture around it, uint8 `[height, width, 3 or 4]`; None without any."""
        if self.canvas is None and not self.paste:
            return None
        from grain_codec.cli.batch.paths import read_source, shown
        from grain_codec.formats.alignment.alignment import empty_canvas, find_alignment
        from grain_codec.formats.images.pictures import ALPHA_FORMATS, read_photo

        place = find_alignment(chunks)
        if self.canvas is None:
            return place, empty_canvas(place, transparent=self.image_format in ALPHA_FORMATS)
        return place, read_photo(read_source(self.canvas), shown(self.canvas))
