"""XMP of a photograph, reduced to what may travel with the encoded face.

XMP is XML. The reader refuses document types, and with them entities, and writes a new packet property by property.
The GPS position is kept only where the caller asks for it. Never kept are

- embedded thumbnails and other pictures;
- orientation, sizes and colour space of the original's pixels, since the encoded pixels are upright sRGB;
- what refers to other parts of the original file.

Properties are recognised by their names without the prefix, since any prefix may stand for any namespace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from grain_codec.errors import Corrupt

MOST_BYTES = (1 << 19) - 16
"""Limit on XMP before and after: just under half of what a .grain file has for chunks; a JPEG holds an eighth."""

MOST_DEPTH = 64
"""Limit on nested elements; real XMP has about ten levels."""

_POSITION = re.compile(r"gps|geo|latitude|longitude|^(lat|lon|long|lng)$", re.IGNORECASE)

_OF_THE_ORIGINAL = re.compile(
    r"thumb|preview|makernote|motionphoto|microvideo|^directory$|^hasextendedxmp$|digest$"
    r"|^orientation$|^imagewidth$|^imagelength$|^pixel[xy]dimension$|^colorspace$|^iccprofile$",
    re.IGNORECASE,
)
"""Properties that hold pictures, are not true of the encoded face, or refer to what does not travel."""

_ENCODED_PICTURE = re.compile(r"[A-Za-z0-9+/=_-]{400}")
"""A picture in base64: a run of characters that is longer than any word."""

_LINE_ENDS = re.compile(r"[\r\n\t]")

_STRUCTURE = frozenset({"xmpmeta", "RDF", "Description", "Bag", "Seq", "Alt", "li"})
"""Elements that hold properties and are none themselves."""

_ABOUT_THE_PACKET = re.compile(r"^xmlns(:|$)|(^|:)(about|xmptk|parseType|lang|resource|toolkit)$")
"""Attributes that are not properties."""


def clean(xmp: bytes, keep_gps: bool) -> bytes:
    """Reduces XMP to what may be kept of it.

    Args:
        xmp: the packet, in UTF-8.
        keep_gps: whether that includes the GPS position.

    Returns:
        XMP without the wrapper of its packet; empty where no property is left. Cleaning it again changes nothing.

    Raises:
        Corrupt: it is no XMP, too large or nested too deeply.
    """
    cleaned = _Cleaner(keep_gps).run(xmp) if len(xmp) <= MOST_BYTES else xmp
    # The new packet can be longer than the old one, because it escapes more characters.
    if len(cleaned) > MOST_BYTES:
        raise Corrupt(f"the XMP has {len(cleaned)} bytes, more than {MOST_BYTES}")
    return cleaned


@dataclass
class _Element:
    """An element that is being read.

    Attributes:
        written: pieces of the new packet before the element.
        properties: kept properties before the element.
        text: the text in the element so far.
    """

    written: int
    properties: int
    text: list[str] = field(default_factory=list)


class _Cleaner:
    """Writes a new packet while it parses the old one."""

    def __init__(self, keep_gps: bool):
        self._keep_gps = keep_gps
        self._written: list[str] = []
        self._open: list[_Element] = []
        self._properties = 0
        self._left_out_at: int | None = None

    def run(self, xmp: bytes) -> bytes:
        """The new packet; see `clean`."""
        # This encoding overrules the one that the document declares.
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text, parser.buffer_size = True, MOST_BYTES
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(xmp.strip(b"\0 \t\r\n"), True)
        except expat.ExpatError as error:
            raise Corrupt(f"the XMP cannot be read: {error}") from error
        return "".join(self._written).encode() if self._properties else b""

    def _refuse_document_type(self, *_: object) -> None:
        raise Corrupt("the XMP has a document type, which XMP has not")

    def _start(self, name: str, attributes: list[str]) -> None:
        """Handles the start of an element; `attributes` are names and values by turns."""
        if not self._open and _local(name) not in ("xmpmeta", "xapmeta", "RDF"):
            raise Corrupt("the XMP does not start as such")
        if len(self._open) == MOST_DEPTH:
            raise Corrupt(f"the XMP has more than {MOST_DEPTH} elements within each other")
        self._open.append(_Element(len(self._written), self._properties))
        if self._left_out_at is not None:
            return
        if not self._keeps(name):
            self._left_out_at = len(self._open)
            return
        self._properties += _local(name) not in _STRUCTURE
        self._written.append(f"<{name}")
        for attribute, value in zip(attributes[::2], attributes[1::2], strict=True):
            self._attribute(attribute, value)
        self._written.append(">")

    def _attribute(self, name: str, value: str) -> None:
        """Handles an attribute of an element that is kept."""
        is_property = not _ABOUT_THE_PACKET.search(name)
        if _local(name) == "xmptk" or (is_property and not self._keeps(name)) or _holds_picture(value):
            return
        self._properties += is_property
        self._written.append(f" {name}={quoteattr(value)}")

    def _text(self, text: str) -> None:
        """Handles text; what only indents elements is left out."""
        if self._left_out_at is None and not text.isspace():
            self._open[-1].text.append(text)
            self._written.append(escape(text, {"\r": "&#13;"}))

    def _end(self, name: str) -> None:
        """Handles the end of an element."""
        depth, element = len(self._open), self._open.pop()
        if self._left_out_at is not None:
            self._left_out_at = None if self._left_out_at == depth else self._left_out_at
        elif _holds_picture("".join(element.text)):
            del self._written[element.written :]
            self._properties = element.properties
        elif self._written[-1] == ">":  # The element is empty.
            self._written[-1] = "/>"
        else:
            self._written.append(f"</{name}>")

    def _keeps(self, name: str) -> bool:
        """Whether a property of this name is kept."""
        local = _local(name)
        return not _OF_THE_ORIGINAL.search(local) and (self._keep_gps or not _POSITION.search(local))


def _local(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]


def _holds_picture(text: str) -> bool:
    """Whether a value contains base64 that is too long for a number or a name."""
    return bool(_ENCODED_PICTURE.search(_LINE_ENDS.sub("", text)))
