"""`.grain` files for Pillow.

    register_grain_opener()
    image = Image.open("face.grain")                  # parses the file; the network runs on first use
    image.thumbnail((16, 16))                         # never runs it: the LR image is in the file
    image.save("smaller.grain", max_bytes=200)

`save` takes `quality` (1 to 8), `max_bytes`, in place of a quality, and `effort` (0 to 9), and ignores other
options but those of metadata: `exif` (bytes or `Image.Exif`) and `xmp` (bytes) are kept where they are given,
without thumbnails, and with the GPS position only under `keep_gps=True`. An orientation in them turns the
pixels. The PNG carrier remains an ordinary PNG of 16x16 pixels.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from grain_codec.formats import container
from grain_codec.formats.images.exif import PREFIX, without_prefix
from grain_codec.formats.images.metadata import Metadata, clean, for_decoding
from grain_codec.formats.images.reading import read_face, upright
from grain_codec.formats.plugins.mime_type import MIME_TYPE, SUFFIX
from PIL import Image, ImageFile

from grain_codec.codec import DEFAULT_MODEL, DEFAULT_QUALITY, describe, load_model, low_resolution_image
from grain_codec.coding.grid import GRID
from grain_codec.errors import BadImage, GrainError
from grain_codec.weights import find_model, read_model

FORMAT = "GRAIN"
DESCRIPTION = "grain-codec face"

_LOSSLESS = dict.fromkeys(("1", "L", "LA", "I;16", "P", "RGB", "RGBA"), "PNG") | dict.fromkeys(
    ("CMYK", "F", "I", "I;16B", "PA", "RGBX", "YCbCr"), "TIFF"
)
"""For each mode that can be saved, a format that holds it as it is."""

_MEANING_OF_PIXELS = ("icc_profile", "transparency")
"""Entries of an image's `info` without which its pixels are another picture."""


class GrainPluginError(OSError):
    """A `.grain` file that cannot be read, or an image that cannot be saved as one; the text says why.

    Pillow lets an OSError through; after any other kind it would only say that it cannot identify the file.
    """


class GrainImageFile(ImageFile.ImageFile):
    """A face in a `.grain` file.

    `info` holds `fine_quality`, `quality` (the nearest of 1 to 8), `fingerprint` (of the weights, in hex) and
    `bytes` (the length of the file); `exif` and `xmp` where the file has them.
    """

    format = FORMAT
    format_description = DESCRIPTION

    # The whole file until its pixels are there. Unpickling fills an image in without opening one.
    _encoded: bytes | None = None

    def _open(self) -> None:
        """Parses the file down to its payload.

        Raises:
            SyntaxError: the file starts like no `.grain` file.
            GrainPluginError: it does, and is damaged, cut short, or of another version or other weights.
        """
        encoded = self.fp.read(container.MOST_FILE + 1)
        if not accept(encoded):
            raise SyntaxError("not a .grain file")
        with _errors_for_pillow():
            face = container.unpack(encoded)
            model = read_model(find_model(DEFAULT_MODEL))
            model.check_fingerprint(face.fingerprint)
        self._encoded = encoded
        self._mode, self._size = "RGB", (model.spec.image_size, model.spec.image_size)
        self.info = {
            "fine_quality": face.fine_quality,
            "quality": model.spec.nearest_level(face.fine_quality),
            "fingerprint": face.fingerprint.hex(),
            "bytes": len(encoded),
        }
        metadata, _ = for_decoding(face.chunks, FORMAT)
        if metadata.exif:
            self.info["exif"] = PREFIX + metadata.exif
        if metadata.xmp:
            self.info["xmp"] = metadata.xmp

    def load(self) -> Image.core.PixelAccess | None:
        """Decodes the face, or its LR image after `draft`; later calls give the same pixels.

        Raises:
            GrainPluginError: the payload is nothing that an encoder writes.
        """
        encoded = self._encoded
        if encoded is not None:
            with _errors_for_pillow():
                drafted = self.size == (GRID, GRID)
                pixels = low_resolution_image(encoded) if drafted else load_model().decode_face(encoded)
            self.load_prepare()
            self.frombytes(pixels.tobytes())
            self._encoded, self.readonly = None, 0
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Takes the LR image for the face where no more than its 16x16 pixels are asked for.

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
        """Shrinks the image as Pillow does; up to 16x16 from the LR image."""
        # Pillow asks `draft` for twice the thumbnail's size, and with no gap does not ask at all.
        if math.floor(min(size)) <= GRID:
            self.draft(None, (GRID, GRID))
        super().thumbnail(size, resample, reducing_gap)

    def verify(self) -> None:
        """Reads the file down to its last symbol, without the network; as in Pillow, reopen the image afterwards.

        Raises:
            GrainPluginError: an encoder did not write it so.
        """
        encoded, self._encoded = self._encoded, None
        super().verify()
        if encoded is not None:
            with _errors_for_pillow():
                describe(encoded)

    def close(self) -> None:
        """Releases file and pixels; a face that was not decoded before cannot be any more."""
        self._encoded = None
        super().close()


def accept(prefix: bytes) -> bool:
    """Whether a file that starts like this can be a `.grain` file."""
    return prefix.startswith(container.MAGIC)


def register_grain_opener() -> None:
    """Makes Pillow read and write `.grain` files; a second call changes nothing."""
    Image.register_open(FORMAT, GrainImageFile, accept)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME_TYPE)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes an image as a `.grain` file, in full or not at all.

    Where it fails, Pillow removes a file that it made; one that was there before it has emptied by then.

    Raises:
        GrainPluginError: the image is not square, too small or too large, or does not fit in `max_bytes`; or the
            metadata that were given cannot be read.
        ValueError: an option is out of range.
    """
    options, name = image.encoderinfo, os.fsdecode(filename) or "the image"
    quality, max_bytes = options.get("quality", DEFAULT_QUALITY), options.get("max_bytes")
    with _errors_for_pillow():
        given = _given_metadata(options)
        kept, unreadable = clean(given, options.get("keep_gps", False))
        if unreadable:
            raise BadImage(f"{name}: the EXIF or the XMP given is damaged or too large")
        codec = load_model()
        pixels = _face_of(image, given, name, codec.spec.image_size)
        encoded = codec.encode_face(pixels, quality, max_bytes, effort=options.get("effort", 0), chunks=kept.chunks())
    file.write(encoded)


def _given_metadata(options: dict[str, Any]) -> Metadata:
    """EXIF and XMP among the options of `save`, in the types that Pillow's own formats take."""
    exif, xmp = options.get("exif") or b"", options.get("xmp") or b""
    if isinstance(exif, Image.Exif):
        exif = exif.tobytes()
    return Metadata(without_prefix(exif), xmp.encode() if isinstance(xmp, str) else xmp)


def _face_of(image: Image.Image, metadata: Metadata, name: str, size: int) -> np.ndarray:
    """A square image of any mode as uint8 `[size, size, 3]` in sRGB, turned as the metadata given with it say.

    Raises:
        BadImage: the image is not square, or of a size or mode that no face is made of.
    """
    if image.width != image.height:
        raise BadImage(f"{name}: {image.width}x{image.height} is not square; crop the image to its face first")
    if image.mode not in _LOSSLESS:
        raise BadImage(f"{name}: images of mode {image.mode} are not encoded; convert it to RGB first")
    # A copy, because the image itself carries our options; its own metadata could turn the pixels round.
    bare = image.copy()
    bare.info = {"exif": metadata.exif, "xmp": metadata.xmp}
    bare = upright(bare)
    bare.info = {key: image.info[key] for key in _MEANING_OF_PIXELS if key in image.info}
    written = io.BytesIO()
    bare.save(written, _LOSSLESS[image.mode], compress_level=0)
    return read_face(written.getvalue(), name, size)


@contextmanager
def _errors_for_pillow() -> Iterator[None]:
    """Turns our errors into the one that Pillow shows to its user."""
    try:
        yield
    except GrainError as error:
        raise GrainPluginError(str(error)) from error
