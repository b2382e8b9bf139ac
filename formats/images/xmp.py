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

MOST_DEPTH = 64  # Limit on nested elements; real XMP has about ten levels.
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
    if len(xmp) > MOST_BYTES:
        raise Corrupt(f"the XMP has {len(xmp)} bytes, more than {MOST_BYTES}")
    text, properties = _cleaned(_Parser().parse(xmp), keep_gps)
    cleaned = text.encode() if properties else b""
    # The new packet can be longer than the old one, because it escapes more characters.
    if len(cleaned) > MOST_BYTES:
        raise Corrupt(f"the XMP has {len(cleaned)} bytes, more than {MOST_BYTES}")
    return cleaned


@dataclass
class _Element:
    """An element of the document; `content` are its texts and the elements within it, in order."""

    name: str
    attributes: list[tuple[str, str]]
    content: list[str | _Element] = field(default_factory=list)


class _Parser:
    """Reads a packet into elements."""

    def __init__(self) -> None:
        self._root = _Element("", [])
        self._open = [self._root]

    def parse(self, xmp: bytes) -> _Element:
        """The outermost element; raises Corrupt where there is no XMP."""
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
        [outermost] = [part for part in self._root.content if isinstance(part, _Element)]
        return outermost

    def _refuse_document_type(self, *_: object) -> None:
        raise Corrupt("the XMP has a document type, which XMP has not")

    def _start(self, name: str, attributes: list[str]) -> None:
        """Opens an element; `attributes` are names and values by turns."""
        if len(self._open) == 1 and _local(name) not in ("xmpmeta", "xapmeta", "RDF"):
            raise Corrupt("the XMP does not start as such")
        if len(self._open) > MOST_DEPTH:
            raise Corrupt(f"the XMP has more than {MOST_DEPTH} elements within each other")
        element = _Element(name, list(zip(attributes[::2], attributes[1::2])))
        self._open[-1].content.append(element)
        self._open.append(element)

    def _text(self, text: str) -> None:
        if not text.isspace():
            self._open[-1].content.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()


def _cleaned(element: _Element, keep_gps: bool) -> tuple[str, int]:
    """The text of an element without what is left out, and how many properties are left in it."""
    text = "".join(part for part in element.content if isinstance(part, str))
    if not _is_kept(element.name, keep_gps) or _holds_picture(text):
        return "", 0
    start, content, properties = f"<{element.name}", [], int(_local(element.name) not in _STRUCTURE)
    for name, value in element.attributes:
        is_property = not _ABOUT_THE_PACKET.search(name)
        if _local(name) == "xmptk" or (is_property and not _is_kept(name, keep_gps)) or _holds_picture(value):
            continue
        properties += is_property
        start += f" {name}={quoteattr(value)}"
    for part in element.content:
        # Parsers would turn a bare carriage return into a line feed.
        inner, found = (escape(part, {"\r": "&#13;"}), 0) if isinstance(part, str) else _cleaned(part, keep_gps)
        content.append(inner)
        properties += found
    return f"{start}>{''.join(content)}</{element.name}>" if any(content) else f"{start}/>", properties


def _is_kept(name: str, keep_gps: bool) -> bool:
    """Tells whether a property of this name may be kept."""
    local = _local(name)
    return not _OF_THE_ORIGINAL.search(local) and (keep_gps or not _POSITION.search(local))


def _local(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]


def _holds_picture(text: str) -> bool:
    """Tells whether a value contains base64 that is too long for a number or a name."""
    return bool(_ENCODED_PICTURE.search(_LINE_ENDS.sub("", text)))
