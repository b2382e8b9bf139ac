"""What is kept of a photograph's XMP, what never is, and which XML is refused."""

from __future__ import annotations

import base64
import os
import time
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grain_codec.errors import Corrupt
from grain_codec.formats.images import xmp

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "g": "http://ns.adobe.com/xap/1.0/g/img/",
}
DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


def packet(properties: str = "", attributes: str = "") -> bytes:
    """An XMP packet with properties as elements and as attributes."""
    description = f'<rdf:Description rdf:about="" {attributes}>\n  {properties}\n</rdf:Description>'
    rdf = f"<rdf:RDF {DECLARED}>\n{description}\n</rdf:RDF>"
    body = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="T">{rdf}</x:xmpmeta>'
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{body}\n{" " * 99}\n<?xpacket end="w"?>'.encode()


def properties_of(cleaned: bytes) -> dict[str, str]:
    """Names and texts of all properties, as an independent parser with namespaces reads them."""
    description = ElementTree.fromstring(cleaned).find("rdf:RDF/rdf:Description", NAMESPACES)
    found = dict(description.attrib)
    found |= {child.tag: "".join(child.itertext()) for child in description}
    prefixes = {f"{{{uri}}}": f"{prefix}:" for prefix, uri in NAMESPACES.items()}
    found.pop(f"{{{NAMESPACES['rdf']}}}about")
    for uri, prefix in prefixes.items():
        found = {name.replace(uri, prefix): value for name, value in found.items()}
    return found


TITLE = '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &lt;face&gt; &amp; more</rdf:li></rdf:Alt></dc:title>'


def test_descriptions_stay() -> None:
    cleaned = xmp.clean(packet(TITLE, 'xmp:Rating="5" xmp:CreatorTool="&quot;it&apos;s&#10;2&quot;"'), keep_gps=False)
    assert properties_of(cleaned) == {
        "dc:title": "A <face> & more",
        "xmp:Rating": "5",
        "xmp:CreatorTool": '"it\'s\n2"',
    }
    assert b'xml:lang="x-default"' in cleaned and b"xpacket" not in cleaned and b"  " not in cleaned


POSITIONS = [
    ("<exif:GPSLatitude>48,51.5N</exif:GPSLatitude>", ""),
    ("", 'exif:GPSLongitude="2,21.1E"'),
    ("", 'xmlns:drone="urn:drone" drone:GpsLatitude="48.8"'),
    ("", 'xmlns:w="http://www.w3.org/2003/01/geo/wgs84_pos#" w:lat="48.8" w:long="2.3"'),
    ("<exif:x><rdf:Bag><rdf:li><exif:GPSAltitude>35</exif:GPSAltitude></rdf:li></rdf:Bag></exif:x>", ""),
    ("<exif:x rdf:parseType='Resource'><exif:GPSAltitude><exif:y>35</exif:y></exif:GPSAltitude></exif:x>", ""),
]


@pytest.mark.parametrize(("properties", "attributes"), POSITIONS)
def test_positions_stay_only_where_asked_for(properties: str, attributes: str) -> None:
    given_packet = packet(TITLE + properties, attributes)
    without, with_position = xmp.clean(given_packet, keep_gps=False), xmp.clean(given_packet, keep_gps=True)
    assert without != with_position and "dc:title" in properties_of(without)
    for number in (b"48.8", b"2.3", b"48,51.5N", b"2,21.1E", b">35<"):
        assert number not in without
    assert any(number in with_position for number in (b"48.8", b"48,51.5N", b"2,21.1E", b">35<"))


PICTURE = base64.b64encode(bytes(range(256)) * 2).decode()
OF_THE_ORIGINAL = [
    ("<xmp:Thumbnails><rdf:Alt><rdf:li><g:image>/9j/4AAQSkZJRg</g:image></rdf:li></rdf:Alt></xmp:Thumbnails>", ""),
    (f"<g:image>{PICTURE}</g:image>", ""),
    ("<g:image>" + "&#xA;".join(PICTURE[at : at + 76] for at in range(0, len(PICTURE), 76)) + "</g:image>", ""),
    (f"<g:image>{PICTURE[:200]}<!-- -->{PICTURE[200:]}</g:image>", ""),
    (f"<g:image><![CDATA[{PICTURE}]]></g:image>", ""),
    ("", f'g:anything="{PICTURE}"'),
    ("<tiff:Orientation>6</tiff:Orientation>", ""),
    ("", 'tiff:Orientation="6" tiff:ImageWidth="4032" exif:PixelXDimension="4032" exif:ColorSpace="65535"'),
    ("", 'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="0123456789ABCDEF"'),
    ("<!-- a note -->", ""),
]


@pytest.mark.parametrize(("properties", "attributes"), OF_THE_ORIGINAL)
def test_pictures_and_facts_about_the_original_go(properties: str, attributes: str) -> None:
    cleaned = xmp.clean(packet(TITLE + properties, attributes), keep_gps=True)
    assert properties_of(cleaned) == {"dc:title": "A <face> & more"}
    assert xmp.clean(packet(properties, attributes), keep_gps=True) == b""


def test_long_words_of_people_stay() -> None:
    text = "No description is too long. " * 400
    cleaned = xmp.clean(packet(f"<dc:description>{text}</dc:description>"), keep_gps=False)
    assert properties_of(cleaned) == {"dc:description": text}


@pytest.mark.parametrize("keep_gps", [False, True])
def test_cleaning_again_changes_nothing(keep_gps: bool) -> None:
    cleaned = xmp.clean(packet(TITLE + "".join(part for part, _ in POSITIONS), 'xmp:Label="&#13;&#9;&gt;"'), keep_gps)
    assert xmp.clean(cleaned, keep_gps) == cleaned


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(9))
DEEP, WIDE = "<dc:a>" * 100_000, "<dc:a/>" * 70_000
REFUSED = {
    "no XML": b"not XML at all",
    "nothing": b"",
    "another document": b"<html><body/></html>",
    "cut short": packet(TITLE)[:300],
    "a document type": b"<!DOCTYPE x:xmpmeta>" + packet(TITLE),
    "entities": f"<!DOCTYPE RDF [{ENTITIES}]><RDF><a>&e8;</a></RDF>".encode(),
    "an entity from a file": b'<!DOCTYPE RDF [<!ENTITY f SYSTEM "file:///etc/passwd">]><RDF><a>&f;</a></RDF>',
    "an unknown entity": b"<RDF><a>&f;</a></RDF>",
    "another encoding": packet(TITLE).decode().encode("utf-16"),
    "a document type in another encoding": f"<!DOCTYPE RDF [{ENTITIES}]><RDF/>".encode("utf-16-le"),
    "bytes that are no text": b"<RDF><a>\xff\xfe</a></RDF>",
    "elements within elements": f"<RDF>{DEEP}".encode(),
    "too many bytes": packet("<dc:a>word </dc:a>" * 40_000),
    "more bytes once escaped": b"<RDF><a>" + b'>"' * 200_000 + b"</a></RDF>",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_xml_is_refused_at_once(kind: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Corrupt):
        xmp.clean(REFUSED[kind], keep_gps=True)
    assert time.perf_counter() - started < 5


def test_a_great_many_elements_take_bounded_time() -> None:
    started = time.perf_counter()
    assert len(xmp.clean(packet(WIDE), keep_gps=True)) <= xmp.MOST_BYTES
    assert time.perf_counter() - started < 10


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6))
@settings(deadline=None)
def test_damage_raises_nothing_else(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(packet(TITLE + POSITIONS[0][0], POSITIONS[1][1]))
    for at, value in changes:
        damaged[at % len(damaged)] = value
    try:
        cleaned = xmp.clean(bytes(damaged), keep_gps=True)
    except Corrupt:
        return
    if cleaned:
        assert xmp.clean(cleaned, keep_gps=True) == cleaned


def test_garbage_raises_nothing_else() -> None:
    for size in (1, 100, 1 << 20):
        with pytest.raises(Corrupt):
            xmp.clean(os.urandom(size), keep_gps=True)
