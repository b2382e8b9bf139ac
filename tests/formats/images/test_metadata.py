"""Metadata of pictures of every format: what is collected, kept, announced, and written again."""

from __future__ import annotations

import io
import time

import numpy as np
import piexif
import pytest
from PIL import Image, PngImagePlugin, features

from grain_codec.formats import container
from grain_codec.formats.images import exif
from grain_codec.formats.images.metadata import (
    NO_POSITION,
    STRIPPED,
    Metadata,
    clean,
    collect,
    for_decoding,
    for_encoding,
)
from grain_codec.formats.images.reading import open_picture
from grain_codec.formats.images.writing import write_image

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
FACE = np.full((32, 32, 3), 99, np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    b' xmp:Rating="5"%s/></rdf:RDF></x:xmpmeta>'
)
PLAIN_XMP, PLACED_XMP = XMP % b"", XMP % b' exif:GPSLatitude="48,51.5N"'
TAKEN = {
    piexif.ExifIFD.DateTimeOriginal: b"2024:02:29 12:00:00",
    piexif.ExifIFD.ExposureTime: (1, 200),
    piexif.ExifIFD.UserComment: b"ASCII\0\0\0hello",
    piexif.ExifIFD.LensModel: b"50mm f2",
    piexif.ExifIFD.SceneType: b"\1",
}
POSITION = {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((48, 1), (51, 1), (30, 1))}
MAIN = {piexif.ImageIFD.Artist: "Zoë".encode(), piexif.ImageIFD.XPTitle: tuple("Portrait".encode("utf-16-le"))}


def exif_of(**directories: dict) -> bytes:
    """EXIF with a thumbnail, from its TIFF header on."""
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 16)).save(thumbnail, "JPEG")
    main = MAIN | {piexif.ImageIFD.ImageWidth: 32}
    small = {"1st": {piexif.ImageIFD.Compression: 6}, "thumbnail": thumbnail.getvalue()}
    return piexif.dump({"0th": main, "Exif": TAKEN, **directories, **small})[len(exif.PREFIX) :]


def need(format: str) -> None:
    """Skips the test where the installed Pillow lacks a format."""
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")


def picture(format: str, exif_bytes: bytes = b"", xmp: bytes = b"") -> bytes:
    """A picture that Pillow wrote with metadata, not by the module under test."""
    options: dict = {"exif": exif.PREFIX + exif_bytes} if exif_bytes else {}
    if format == "TIFF":
        options["exif"] = Image.Exif()
        options["exif"].load(exif_bytes)
        options["exif"].update({700: xmp} if xmp else {})
        if piexif.ImageIFD.Artist in options["exif"]:  # which Pillow reads as Latin-1 and writes as ASCII
            options["exif"][piexif.ImageIFD.Artist] = MAIN[piexif.ImageIFD.Artist]
    elif xmp and format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif xmp:
        options["xmp"] = xmp
    written = io.BytesIO()
    Image.fromarray(FACE).save(written, format, **options)
    return written.getvalue()


def directories(stored: bytes) -> dict[str, dict]:
    """Main, Exif and GPS directory without their pointers."""
    read = piexif.load(exif.PREFIX + stored)
    pointers = (piexif.ImageIFD.ExifTag, piexif.ImageIFD.GPSTag)
    return {
        "0th": {tag: value for tag, value in read["0th"].items() if tag not in pointers},
        "Exif": read["Exif"],
        "GPS": read["GPS"],
        "1st": read["1st"],
    }


def kept(source: bytes, keep_gps: bool) -> tuple[dict[int, bytes], tuple[str, ...]]:
    """The chunks that travel with a picture, by their tags, and the notices."""
    chunks, notices = for_encoding(open_picture(source, "face"), keep=True, keep_gps=keep_gps)
    return {chunk.tag: chunk.content for chunk in chunks}, notices


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("keep_gps", [False, True])
def test_kept_metadata_of_every_format(format: str, keep_gps: bool) -> None:
    need(format)
    contents, notices = kept(picture(format, exif_of(GPS=POSITION), PLACED_XMP), keep_gps)
    expected = {"0th": MAIN, "Exif": TAKEN, "GPS": POSITION if keep_gps else {}, "1st": {}}
    assert directories(contents[container.EXIF]) == expected
    assert contents[container.XMP] == (PLACED_XMP if keep_gps else PLAIN_XMP)
    assert notices == (() if keep_gps else (NO_POSITION,))


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_kept_unasked(format: str) -> None:
    need(format)
    for source in (picture(format, exif_of()), picture(format, b"", PLAIN_XMP)):
        assert for_encoding(open_picture(source, "face"), keep=False, keep_gps=False) == ((), (STRIPPED,))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("keep", [False, True])
def test_a_picture_without_metadata_gives_no_notice(format: str, keep: bool) -> None:
    need(format)
    turned = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 6}})[len(exif.PREFIX) :]
    for source in (picture(format), picture(format, turned)):
        assert for_encoding(open_picture(source, "face"), keep=keep, keep_gps=False) == ((), ())


def test_chunks_stand_in_the_order_of_a_file() -> None:
    chunks, _ = for_encoding(open_picture(picture("JPEG", exif_of(), PLAIN_XMP), "face"), True, True)
    assert [chunk.tag for chunk in chunks] == [container.EXIF, container.XMP]
    assert container.unpack(container.pack(container.StoredFace(22, b"abc", b"face", chunks))).chunks == chunks


def test_exif_in_the_text_of_a_png() -> None:
    """ImageMagick writes EXIF into a PNG as a text of hexadecimal digits."""
    stored = exif.PREFIX + exif_of(GPS=POSITION)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(stored):8}\n{stored.hex()}\n")
    written = io.BytesIO()
    Image.fromarray(FACE).save(written, "PNG", pnginfo=text)
    contents, notices = kept(written.getvalue(), keep_gps=False)
    assert directories(contents[container.EXIF])["0th"] == MAIN and notices == (NO_POSITION,)


HOSTILE = {
    "garbage": bytes(range(256)) * 20,
    "a path": b"/etc/passwd",
    "a megabyte": b"II*\0\x08\0\0\0" + bytes(1 << 20),
}


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_read_is_left_out_and_said(format: str, kind: str) -> None:
    bare = picture(format, HOSTILE[kind], PLAIN_XMP[:-9])
    started = time.perf_counter()
    contents, notices = kept(bare, keep_gps=True)
    assert contents == {}
    assert notices == ("EXIF left out: it is damaged or too large", "XMP left out: it is damaged or too large")
    assert time.perf_counter() - started < 5


def test_exif_that_fills_a_jpeg_segment() -> None:
    comment = {piexif.ExifIFD.UserComment: b"ASCII\0\0\0" + b"word " * 12_000}
    contents, _ = kept(picture("JPEG", piexif.dump({"0th": MAIN, "Exif": comment})[6:]), keep_gps=False)
    assert directories(contents[container.EXIF])["Exif"] == comment


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("parts", ["exif", "xmp", "both"])
def test_metadata_are_written_into_every_format(format: str, parts: str) -> None:
    need(format)
    stored, notices = clean(Metadata(exif_of(GPS=POSITION), PLACED_XMP), keep_gps=True)
    stored = Metadata(stored.exif if parts != "xmp" else b"", stored.xmp if parts != "exif" else b"")
    found, more_notices = for_decoding(stored.chunks(), format)
    assert found == stored and notices == more_notices == ()
    image = Image.open(io.BytesIO(write_image(FACE, format, found)))
    image.load()
    assert image.format == format and image.size == (32, 32)
    assert clean(collect(image), keep_gps=True)[0] == stored
    exif_read = image.getexif()
    assert 0x0112 not in exif_read
    if parts != "xmp":
        assert exif_read.get_ifd(0x8825)[2] == (48, 51, 30)


def test_what_a_format_cannot_hold_is_left_out_and_said() -> None:
    long = XMP % (b' exif:Comment="%s"' % (b"word " * 20_000))
    chunks = (container.Chunk(container.XMP, long),)
    assert for_decoding(chunks, "PNG") == (Metadata(b"", long), ())
    found, (notice,) = for_decoding(chunks, "JPEG")
    assert found == Metadata() and notice.startswith("XMP left out: a JPEG holds at most 65504 bytes")
    found, (notice,) = for_decoding((container.Chunk(container.XMP, PLAIN_XMP),), "BMP")
    assert found == Metadata() and notice == "BMP holds no metadata; they are left out"
    write_image(FACE, "BMP", found)


def test_chunks_of_strangers_are_cleaned_before_they_are_written() -> None:
    entities = b"<!DOCTYPE a><RDF/>"
    chunks = (container.Chunk(container.EXIF, exif_of(GPS=POSITION)), container.Chunk(container.XMP, entities))
    found, notices = for_decoding(chunks, "PNG")
    assert directories(found.exif) == {"0th": MAIN, "Exif": TAKEN, "GPS": POSITION, "1st": {}}
    assert found.xmp == b"" and notices == ("XMP left out: it is damaged or too large",)
    others = (container.Chunk(container.ICC_PROFILE, b"x"), container.Chunk(0x10, b"y"))
    assert for_decoding(others, "PNG") == (Metadata(), ())
