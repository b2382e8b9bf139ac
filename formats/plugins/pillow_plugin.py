"""`.grain` files for Pillow.

    register_grain_opener()
    image = Image.open("face.grain")                  # reads the header; the network runs on first use
    image.thumbnail((16, 16))                         # never runs it: the LR image is in the file
    image.save("smaller.grain", max_bytes=200)

`save` takes `quality` (0 to 100), or `max_bytes` in its place, and `effort` (0 to 9). Of the other options it knows
those of metadata: it keeps `exif` (bytes or `Image.Exif`) and `xmp` (bytes or text) without thumbnails, and with the
GPS position only under `keep_gps=True`. An orientation in them turns the pixels. The PNG carrier remains an ordinary
PNG of 16x16 pixels.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from grain_codec.codec import file_codec, load_decoder, load_model
from grain_codec.coding.grid import GRID
from grain_codec.errors import BadImage, GrainError
from grain_codec.formats import container
from grain_codec.formats.images.exif import PREFIX, without_prefix
from grain_codec.formats.images.metadata import Metadata, clean, for_decoding
from grain_codec.formats.images.reading import check_size, read_face, upright
from grain_codec.formats.plugins.mime_type import MIME_TYPE, SUFFIX
from grain_codec.settings import DEFAULT_EFFORT, DEFAULT_QUALITY, EncodeSettings

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

FORMAT = "GRAIN"
DESCRIPTION = "grain-codec face"

_MODES = {"1", "CMYK", "F", "I", "I;16", "I;16B", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"}
"""Modes of images that can be saved."""

_MEANING_OF_PIXELS = ("icc_profile", "transparency")
"""Entries of an image's `info` without which its pixels are another picture."""


class GrainPluginError(OSError):
    """A `.grain` file cannot be read, or an image cannot be saved as one; the text says why.

    Pillow passes an OSError on to its user; after any other error it only says that it cannot identify the file.
    """


class GrainImageFile(ImageFile.ImageFile):
    """A face in a `.grain` file.

    `info` holds `fine_quality`, `quality` (the nearest of 0 to 100), `fingerprint` (of the weights, in hex) and
    `bytes` (the length of the file); `exif` and `xmp` where the file has them.
    """

    format = FORMAT
    format_description = DESCRIPTION

    # The whole file, until its pixels are decoded. It is set here because unpickling does not call `_open`.
    _encoded: bytes | None = None

    def _open(self) -> None:
        """Parses everything but the payload.

        Raises:
            SyntaxError: the file does not start as a `.grain` file does.
            GrainPluginError: it is damaged, cut short, or of another version or other weights.
        """
        assert self.fp is not None
        encoded = self.fp.read(container.MOST_FILE + 1)
        if not accept(encoded):
            raise SyntaxError("not a .grain file")
        with _errors_for_pillow():
            stored = container.unpack(encoded)
            model = file_codec().model
            model.check_fingerprint(stored.fingerprint)
        self._encoded = encoded
        self._mode, self._size = "RGB", (model.spec.image_size, model.spec.image_size)
        self.info = {
            "fine_quality": stored.fine_quality,
            "quality": model.spec.quality_of(stored.fine_quality),
            "fingerprint": stored.fingerprint.hex(),
            "bytes": len(encoded),
        }
        metadata, _ = for_decoding(stored.chunks, FORMAT)
        if metadata.exif:
            self.info["exif"] = PREFIX + metadata.exif
        if metadata.xmp:
            self.info["xmp"] = metadata.xmp

    def load(self) -> "PixelAccess | None":
        """Decodes the face, or its LR image after `draft`; later calls give the same pixels.

        Raises:
            GrainPluginError: no encoder writes such a payload.
        """
        if self._encoded is not None:
            with _errors_for_pillow():
                face = file_codec().read(self._encoded)
                drafted = self.size == (GRID, GRID)
                pixels = file_codec().lr_image(face) if drafted else load_decoder().draw_file(face)
            self.load_prepare()
            self.frombytes(pixels.tobytes())
            self._encoded, self.readonly = None, 0
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Prepares to load the LR image where a picture of at most 16x16 pixels is wanted.

        Returns:
            Mode and the box of the face within the new image; None where nothing changed.
        """
        if self._encoded is None or size is None or max(size) > GRID or self.size == (GRID, GRID):
            return None
        self._size = (GRID, GRID)
        return self.mode, (0, 0, float(GRID), float(GRID))

    def thumbnail(
        self,
        size: tuple[float, float],
        resample: Image.Resampling = Image.Resampling.BICUBIC,
        reducing_gap: float | None = 2.0,
    ) -> None:
        """Shrinks the image as Pillow does; up to 16x16 it starts from the LR image."""
        # Pillow asks `draft` for twice the thumbnail's size, and without a reducing gap it does not ask at all.
        if math.floor(min(size)) <= GRID:
            self.draft(None, (GRID, GRID))
        super().thumbnail(size, resample, reducing_gap)

    def verify(self) -> None:
        """Decodes the payload, but runs no network; as with other formats, the image must be reopened afterwards.

        Raises:
            GrainPluginError: no encoder writes such a file.
        """
        encoded, self._encoded = self._encoded, None
        super().verify()
        if encoded is not None:
            with _errors_for_pillow():
                file_codec().read(encoded)

    def close(self) -> None:
        """Releases file and pixels; a face that is not decoded yet can no longer be decoded."""
        self._encoded = None
        super().close()


def accept(prefix: bytes) -> bool:
    """Tells whether a file that starts with these bytes can be a `.grain` file."""
    return prefix.startswith(container.MAGIC)


def register_grain_opener() -> None:
    """Makes Pillow read and write `.grain` files; a second call changes nothing."""
    Image.register_open(FORMAT, GrainImageFile, accept)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME_TYPE)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes an image as a `.grain` file, in full or not at all.

    Pillow opens the file before: where this fails, it removes a file that it has made, but one that was there before
    is empty by then.

    Raises:
        GrainPluginError: the image is not square, too small or too large, or does not fit in `max_bytes`; or its
            metadata cannot be read.
        ValueError: an option is out of range.
    """
    options, name = image.encoderinfo, os.fsdecode(filename) or "the image"
    with _errors_for_pillow():
        given = _given_metadata(options)
        kept, unreadable = clean(given, options.get("keep_gps", False))
        if unreadable:
            raise BadImage(f"{name}: the EXIF or the XMP given is damaged or too large")
        settings = EncodeSettings(
            quality=options.get("quality", DEFAULT_QUALITY),
            max_bytes=options.get("max_bytes"),
            effort=options.get("effort", DEFAULT_EFFORT),
            chunks=kept.chunks(),
        )
        codec = load_model()
        encoded = codec.encode(_face_of(image, given, name, codec.spec.image_size), settings)
    file.write(encoded)


def _given_metadata(options: dict[str, Any]) -> Metadata:
    """EXIF and XMP among the options of `save`, in the types that Pillow's own formats take."""
    exif, xmp = options.get("exif") or b"", options.get("xmp") or b""
    if isinstance(exif, Image.Exif):
        exif = exif.tobytes()
    return Metadata(without_prefix(exif), xmp.encode() if isinstance(xmp, str) else xmp)


def _face_of(image: Image.Image, metadata: Metadata, name: str, size: int) -> npt.NDArray[np.uint8]:
    """A square image as uint8 `[size, size, 3]` in sRGB, turned as the metadata that are saved with it say.

    Raises:
        BadImage: the image is not square, or of a size or mode that is not encoded.
    """
    if image.width != image.height:
        raise BadImage(f"{name}: {image.width}x{image.height} is not square; crop the image to its face first")
    if image.mode not in _MODES:
        raise BadImage(f"{name}: images of mode {image.mode} are not encoded; convert it to RGB first")
    check_size(image, name)
    # Metadata that the image carries itself must not turn the pixels.
    bare = image.copy()
    bare.info = {"exif": metadata.exif, "xmp": metadata.xmp}
    bare = upright(bare)
    bare.info = {key: image.info[key] for key in _MEANING_OF_PIXELS if key in image.info}
    return read_face(bare, name, size)


@contextmanager
def _errors_for_pillow() -> Iterator[None]:
    """Turns the codec's errors into the one that Pillow passes on to its user."""
    try:
        yield
    except GrainError as error:
        raise GrainPluginError(str(error)) from error
