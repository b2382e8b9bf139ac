"""Metadata that travel with a face: from a picture into chunks of the encoded file, and into a decoded picture.

EXIF and XMP travel where the user asks for them, as far as `exif.clean` and `xmp.clean` keep them. The ICC profile and
the orientation never do: the encoder converts all pixels to sRGB and turns them upright. Both when encoding and when
decoding, only metadata that were parsed are written.
"""

from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from grain_codec.errors import Corrupt
from grain_codec.formats import container
from grain_codec.formats.images import exif, xmp
from grain_codec.settings import Chunk

STRIPPED = "metadata stripped; --keep-metadata keeps it"
NO_POSITION = "GPS position left out; --keep-gps keeps it"

_WITHOUT_METADATA = {"BMP"}  # Formats of decoded faces that hold neither EXIF nor XMP.
_MOST_IN_JPEG = {"exif": 65533 - len(exif.PREFIX), "xmp": 65533 - len("http://ns.adobe.com/xap/1.0/\0")}
"""Bytes that a segment of a JPEG has for each."""

_XMP_IN_PNG, _XMP_IN_TIFF = "XML:com.adobe.xmp", 700
_EXIF_IN_PNG_TEXT = "Raw profile type exif"


@dataclass(frozen=True)
class Metadata:
    """The metadata of a picture; a field is empty where the picture has none of its kind."""

    exif: bytes = b""  # From the TIFF header on.
    xmp: bytes = b""  # A packet in UTF-8.

    def __bool__(self) -> bool:
        return bool(self.exif or self.xmp)

    def chunks(self) -> tuple[Chunk, ...]:
        """The metadata as chunks of an encoded face."""
        pairs = ((container.EXIF, self.exif), (container.XMP, self.xmp))
        return tuple(Chunk(tag, content) for tag, content in pairs if content)


def collect(image: Image.Image) -> Metadata:
    """EXIF and XMP of a loaded picture, as they are in its file; empty where Pillow finds none."""
    packet = image.info.get("xmp", b"")
    packet = packet.encode() if isinstance(packet, str) else packet
    return Metadata(_exif_of(image), packet if isinstance(packet, bytes) else b"")


def clean(found: Metadata, keep_gps: bool) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata that may be kept, and a notice for each part that is left out because it cannot be read."""
    kept, notices = found, []
    for name, module in (("exif", exif), ("xmp", xmp)):
        stored = getattr(found, name)
        try:
            cleaned = module.clean(stored, keep_gps) if stored else b""
        except Corrupt:
            cleaned = b""
            notices.append(f"{name.upper()} left out: it is damaged or too large")
        kept = replace(kept, **{name: cleaned})
    return kept, tuple(notices)


def for_encoding(image: Image.Image, keep: bool, keep_gps: bool) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
    """Chunks for the face that is encoded from a loaded picture, and notices of what the user loses.

    Args:
        keep: whether metadata are kept at all.
        keep_gps: whether that includes the GPS position.
    """
    found, notices = clean(collect(image), keep_gps=True)
    if not keep:
        return (), (STRIPPED,) if found or notices else ()
    kept = found if keep_gps else clean(found, keep_gps=False)[0]
    return kept.chunks(), notices if kept == found else (*notices, NO_POSITION)


def for_decoding(chunks: tuple[Chunk, ...], format: str) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata of an encoded face that the decoded picture keeps, and notices of what is left out.

    Args:
        format: Pillow's name of the picture's format.
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


def save_options(metadata: Metadata, format: str) -> dict[str, Any]:
    """The options that make Pillow's `save` write metadata in a format."""
    if format == "TIFF":
        stored = Image.Exif()
        stored.load(metadata.exif)
        return {"exif": _copied(stored, {_XMP_IN_TIFF: metadata.xmp} if metadata.xmp else {})} if metadata else {}
    options: dict[str, Any] = {"exif": exif.PREFIX + metadata.exif} if metadata.exif else {}
    if metadata.xmp and format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP_IN_PNG, metadata.xmp.decode())
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
            # ImageMagick writes a name, a length and then hexadecimal digits.
            return exif.without_prefix(bytes.fromhex("".join(text.split("\n")[3:])))
        # A TIFF has its EXIF among its own tags.
        described = _copied(image.getexif(), {})
        return exif.without_prefix(described.tobytes()) if len(described) else b""
    except Exception:  # Broken EXIF raises struct.error, SyntaxError, TypeError and others.
        return b""


def _copied(stored: Image.Exif, added: dict[int, bytes]) -> Image.Exif:
    """A copy for Pillow to write: what may be kept of EXIF that Pillow read, and tags added to its main directory."""
    copied = Image.Exif()
    copied.update(_writable({tag: stored[tag] for tag in exif.KEPT["0th"] & stored.keys()}) | added)
    for pointer, name in ((ExifTags.IFD.Exif, "Exif"), (ExifTags.IFD.GPSInfo, "GPS")):
        found = stored.get_ifd(pointer)
        directory = _writable({tag: found[tag] for tag in exif.KEPT[name] & found.keys()})
        if directory:
            # Depending on the format, Pillow looks for the directory in one place or in the other.
            copied.get_ifd(pointer).update(directory)
            copied[pointer] = directory
    return copied


def _writable(values: dict[int, Any]) -> dict[int, Any]:
    """Values as Pillow can write them: it reads text of any encoding as Latin-1, but writes only ASCII."""
    texts = {tag: value for tag, value in values.items() if isinstance(value, str) and not value.isascii()}
    return values | {tag: value.encode("latin-1", "replace") for tag, value in texts.items()}
