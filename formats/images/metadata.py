"""Metadata that travel with a face: from a picture into chunks of the encoded file, and into a picture again.

EXIF and XMP travel where they are asked for, as far as `exif.clean` and `xmp.clean` let them. The ICC profile
does not: pixels are converted to sRGB before they are encoded. Orientation does not either: they are turned
upright. Nothing is written that was not parsed, neither when encoding nor when decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from grain_codec.formats import container
from grain_codec.formats.images import exif, xmp
from PIL import ExifTags, Image, PngImagePlugin

from grain_codec.errors import Corrupt

STRIPPED = "metadata stripped; --keep-metadata keeps it"
NO_POSITION = "GPS position left out; --keep-gps keeps it"

_WITHOUT_METADATA = {"BMP"}
"""Formats of decoded faces that hold neither EXIF nor XMP."""

_MOST_IN_JPEG = {"exif": 65533 - len(exif.PREFIX), "xmp": 65533 - len("http://ns.adobe.com/xap/1.0/\0")}
"""Bytes that a segment of a JPEG has for each."""

_XMP_IN_PNG, _XMP_IN_TIFF = "XML:com.adobe.xmp", 700
_EXIF_IN_PNG_TEXT = "Raw profile type exif"


@dataclass(frozen=True)
class Metadata:
    """What describes a picture; empty where there is none.

    Attributes:
        exif: EXIF, from its TIFF header on.
        xmp: an XMP packet in UTF-8.
    """

    exif: bytes = b""
    xmp: bytes = b""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.exif or self.xmp)

    def chunks(self) -> tuple[container.Chunk, ...]:
        """The metadata as chunks of an encoded face."""
        pairs = ((container.EXIF, self.exif), (container.XMP, self.xmp))
        return tuple(container.Chunk(tag, content) for tag, content in pairs if content)


def collect(image: Image.Image) -> Metadata:
    """EXIF and XMP of a picture that was loaded, as they are in its file; what cannot be found is empty."""
    packet = image.info.get("xmp", b"")
    packet = packet.encode() if isinstance(packet, str) else packet
    return Metadata(_exif_of(image), packet if isinstance(packet, bytes) else b"")


def clean(found: Metadata, keep_gps: bool) -> tuple[Metadata, tuple[str, ...]]:
    """What may be kept of metadata, and a notice for each part that cannot be read and is left out."""
    kept, notices = {}, []
    for name, module in (("exif", exif), ("xmp", xmp)):
        stored = getattr(found, name)
        try:
            kept[name] = module.clean(stored, keep_gps) if stored else b""
        except Corrupt:
            notices.append(f"{name.upper()} left out: it is damaged or too large")
    return Metadata(**kept), tuple(notices)


def for_encoding(image: Image.Image, keep: bool, keep_gps: bool) -> tuple[tuple[container.Chunk, ...], tuple[str, ...]]:
    """What goes along with a picture that is encoded.

    Args:
        image: a picture that was loaded.
        keep: whether metadata are kept at all.
        keep_gps: whether that includes the GPS position.

    Returns:
        Chunks for the encoded face, and notices of what its user loses.
    """
    found, notices = clean(collect(image), keep_gps=True)
    if not keep:
        return (), (STRIPPED,) if found or notices else ()
    kept = found if keep_gps else clean(found, keep_gps=False)[0]
    return kept.chunks(), notices if kept == found else (*notices, NO_POSITION)


def for_decoding(chunks: tuple[container.Chunk, ...], format: str) -> tuple[Metadata, tuple[str, ...]]:
    """What goes along with a picture that is written.

    Args:
        chunks: those of the encoded face.
        format: Pillow's name of the picture's format.

    Returns:
        The metadata that the format holds, and notices of what is left out.
    """
    contents = {chunk.tag: chunk.content for chunk in chunks}
    found = Metadata(contents.get(container.EXIF, b""), contents.get(container.XMP, b""))
    metadata, notices = clean(found, keep_gps=True)
    if format in _WITHOUT_METADATA:
        return Metadata(), (f"{format} holds no metadata; they are left out",) if metadata else notices
    if format == "JPEG":
        for name, most in _MOST_IN_JPEG.items():
            if len(getattr(metadata, name)) > most:
                metadata = replace(metadata, **{name: b""})
                notices += (f"{name.upper()} left out: a JPEG holds at most {most} bytes of it",)
    return metadata, notices


def save_options(metadata: Metadata, format: str) -> dict[str, object]:
    """The options that make Pillow's `save` write metadata in a format."""
    if format == "TIFF":
        stored = Image.Exif()
        stored.load(metadata.exif)
        return {"exif": _copied(stored, {_XMP_IN_TIFF: metadata.xmp} if metadata.xmp else {})} if metadata else {}
    options: dict[str, object] = {"exif": exif.PREFIX + metadata.exif} if metadata.exif else {}
    if metadata.xmp and format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt(_XMP_IN_PNG, metadata.xmp.decode())
        options["pnginfo"] = texts
    elif metadata.xmp:
        options["xmp"] = metadata.xmp
    return options


def _exif_of(image: Image.Image) -> bytes:
    """The EXIF of a picture; empty where there is none or Pillow cannot read it."""
    stored, text = image.info.get("exif"), image.info.get(_EXIF_IN_PNG_TEXT)
    if isinstance(stored, bytes):
        return exif.without_prefix(stored)
    try:
        if isinstance(text, str):
            # ImageMagick's way: after the name and the length, hexadecimal digits.
            return exif.without_prefix(bytes.fromhex("".join(text.split("\n")[3:])))
        # A TIFF is EXIF itself.
        described = _copied(image.getexif())
        return exif.without_prefix(described.tobytes()) if len(described) else b""
    except Exception:  # broken EXIF raises struct.error, SyntaxError, TypeError, ... by the kind of damage
        return b""


def _copied(stored: Image.Exif, more: dict[int, bytes] | None = None) -> Image.Exif:
    """What may be kept of EXIF as Pillow reads it, and more tags of the main directory, for Pillow to write."""
    copied = Image.Exif()
    copied.update(_writable({tag: stored[tag] for tag in exif.KEPT["0th"] & stored.keys()}) | (more or {}))
    for pointer, name in ((ExifTags.IFD.Exif, "Exif"), (ExifTags.IFD.GPSInfo, "GPS")):
        found = stored.get_ifd(pointer)
        directory = _writable({tag: found[tag] for tag in exif.KEPT[name] & found.keys()})
        if directory:
            # Pillow looks for it in one place or the other, by what is written.
            copied.get_ifd(pointer).update(directory)
            copied[pointer] = directory
    return copied


def _writable(values: dict[int, Any]) -> dict[int, Any]:
    """Values as Pillow has to be given them: it reads text of any encoding as Latin-1, and writes ASCII alone."""
    texts = {tag: value for tag, value in values.items() if isinstance(value, str) and not value.isascii()}
    return values | {tag: value.encode("latin-1", "replace") for tag, value in texts.items()}
