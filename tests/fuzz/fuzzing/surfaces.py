"""The five places where bytes of strangers come in. Each has a check that holds for any bytes, and valid seeds.

surface      bytes of an input
container    a .grain file
png          a carrier image
entropy      what is read (see `check_entropy`), fine quality, payload or samples
metadata     what is read (0 to 5, see `check_metadata`), its content
weights      a weights file
"""

from __future__ import annotations

import atexit
import functools
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from grain_codec.formats import container, png_carrier
from grain_codec.formats.alignment import placement
from grain_codec.formats.images import exif, metadata, xmp
from grain_codec.formats.images.reading import open_picture, read_photo
from grain_codec.formats.images.writing import write_image
from grain_codec.models.payloads import MODELLED, PLAIN, FaceCoder, SampleCoder, Samples, coder_of
from PIL import Image, PngImagePlugin

from fuzzing import repair
from fuzzing.bounds import within_bounds
from grain_codec.codec import FileCodec, read_chunks
from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import GrainError
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.weights import load_networks, read_model, write_file

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
TINY_TABLES = GOLDEN / "tiny-tables.safetensors"
"""A small model of the kind of face-1024, without what networks alone need; see golden/tiny_model.py."""

SLOW = 224
"""First of the first bytes that stand for the published kind in inputs of the surface "entropy"."""

PLACE = placement.Alignment(640, 480, 1 << 14, 3 << 12, 1 << 13, 0)
RAMP = np.add.outer(8 * np.arange(16), 7 * np.arange(16))[..., None].repeat(3, 2).astype(np.uint8)
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a"><dc:title><rdf:Alt>'
    b'<rdf:li xml:lang="x-default">Anna &amp; Ben</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>'
    b"</x:xmpmeta>"
)


@dataclass(frozen=True)
class Surface:
    """A place where bytes come in.

    Attributes:
        check: raises for bytes that do what none may do; for all others nothing happens.
        seeds: makes valid inputs.
        repair: makes the checksums and lengths of a mutated input right again.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    repair: Callable[[bytes], bytes] = bytes


@functools.cache
def tiny_coder() -> FaceCoder:
    """The coder of a small model of the kind of face-1024."""
    coder = coder_of(read_model(TINY_TABLES))
    assert isinstance(coder, FaceCoder)
    return coder


@functools.cache
def tiny_files() -> FileCodec:
    """Reads and writes the files of that model."""
    return FileCodec(read_model(TINY_TABLES))


def face(seed: int, fine_quality: int = 6) -> Symbols:
    """Symbols of the tiny model, most of them small."""
    spec, source = tiny_coder().spec, np.random.default_rng(seed)
    thumbnail = source.geometric(0.2, spec.thumbnail_components) * source.choice([-1, 0, 1], spec.thumbnail_components)
    details = source.choice([-2, -1, 0, 0, 0, 0, 0, 0, 1, 3], (256, spec.detail_components))
    return Symbols(thumbnail, details, fine_quality)


def check_container(data: bytes) -> None:
    """What is read is what would be written; the rest is refused."""
    files = tiny_files()
    with within_bounds():
        stored = container.unpack(data)
        assert container.pack(stored) == data
        assert container.describe(data) and read_chunks(data) == stored.chunks
        if stored.fingerprint == files.model.coding_fingerprint:
            assert files.write(files.read(data), "grain", stored.chunks) == data
        placement.find_alignment(stored.chunks)


def container_seeds() -> list[bytes]:
    """Files with and without chunks, for a model that is at hand and for none."""
    files = tiny_files()
    chunks = (container.Chunk(container.EXIF, b"II"), PLACE.to_chunk(), container.Chunk(0x42, bytes(200)))
    plain = container.StoredFace(22, b"abc", b"face")
    return [
        container.pack(plain),
        container.pack(container.StoredFace(22, b"abc", b"face" * 90, chunks)),
        files.write(face(1), "grain"),
        files.write(face(2), "grain", (PLACE.to_chunk(),)),
    ]


def check_png(data: bytes) -> None:
    """What is read keeps its pixels and settings when it is written anew."""
    files = tiny_files()
    with within_bounds():
        carrier = png_carrier.unpack(data)
        assert carrier.pixels.shape == (16, 16, 3) and carrier.pixels.dtype == np.uint8
        again = png_carrier.unpack(png_carrier.pack(carrier))
        assert np.array_equal(again.pixels, carrier.pixels) and again.chunks == carrier.chunks
        assert (again.fine_quality, again.fingerprint) == (carrier.fine_quality, carrier.fingerprint)
        shown = files.low_resolution(files.read(data, fine_quality=6))
        assert np.array_equal(shown, carrier.pixels)


def png_seeds() -> list[bytes]:
    """Carriers as they are packed, and as other programs write them anew."""
    files, text = tiny_files(), PngImagePlugin.PngInfo()
    text.add_text("Comment", "a" * 50, zip=True)
    whole = files.write(face(3), "png", (container.Chunk(container.EXIF, b"II*\0\x08\0\0\0\0\0\0\0\0\0"),))
    carrier, packed = png_carrier.unpack(whole), [whole]
    packed.append(png_carrier.pack(png_carrier.Carrier(RAMP, None, None)))
    pictures = (
        (Image.fromarray(carrier.pixels), {"pnginfo": text}),
        (Image.fromarray(RAMP).convert("L"), {"compress_level": 0}),
        (Image.fromarray(RAMP).quantize(9), {"bits": 4}),
    )
    for picture, options in pictures:
        written = io.BytesIO()
        picture.save(written, "PNG", **options)
        packed.append(written.getvalue())
    return packed


def check_entropy(data: bytes) -> None:
    """Payloads and LR images that are read are what would be written: no face has two spellings.

    The first byte says what the bytes after the second are: an even one a payload, an odd one an LR image, of the
    tiny model; from SLOW on, of the published kind, whose coder takes half a second. The second byte is the fine
    quality.
    """
    if len(data) < 2:
        return
    kind, fine_quality, content = data[0], data[1], data[2 : 2 + LR_SAMPLES]
    faces, samples = tiny_coder(), SampleCoder()
    with within_bounds():
        if kind >= SLOW:
            stored = (PLAIN if kind % 2 else MODELLED, content)
            assert samples.encode(samples.decode(*stored)) == stored
        elif kind % 2 == 0:
            symbols = faces.decode(fine_quality, content)
            assert faces.encode(symbols) == (fine_quality, content)
            if len(content) <= 500:
                shown = faces.to_low_resolution(symbols)
                again = faces.from_low_resolution(shown, fine_quality)
                assert np.array_equal(again.details, symbols.details)
                assert np.array_equal(again.thumbnail, symbols.thumbnail)
        else:
            pixels = np.frombuffer(content.ljust(LR_SAMPLES, b"\0"), np.uint8).reshape(16, 16, 3)
            assert np.array_equal(faces.to_low_resolution(faces.from_low_resolution(pixels, fine_quality)), pixels)


def entropy_seeds() -> list[bytes]:
    """Faces of both kinds."""
    faces, samples = tiny_coder(), SampleCoder()
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    seeds = [bytes([0, quality]) + faces.encode(face(quality, quality))[1] for quality in (0, 7, 15)]
    seeds.append(bytes([1, 6]) + faces.to_low_resolution(face(4)).tobytes())
    seeds.append(bytes([SLOW, 0]) + samples.encode(Samples(RAMP))[1])
    return [*seeds, bytes([SLOW + 1, 0]) + samples.encode(Samples(noise))[1]]


def check_metadata(data: bytes) -> None:
    """Metadata are cleaned once and for all, wherever they come from, or refused.

    The first byte says what the others are: 0 EXIF, 1 XMP, 2 an alignment, 3 EXIF within a PNG, a JPEG and a TIFF,
    4 XMP within them, 5 a picture file. Its top bit keeps the GPS position.
    """
    if not data:
        return
    kind, keep_gps, content = data[0] % 8, data[0] > 127, data[1:]
    with within_bounds():
        if kind == 0:
            cleaned = exif.clean(content, keep_gps)
            assert exif.clean(cleaned, keep_gps) == cleaned if cleaned else True
        elif kind == 1:
            cleaned = xmp.clean(content, keep_gps)
            assert xmp.clean(cleaned, keep_gps) == cleaned if cleaned else True
        elif kind == 2:
            place = placement.from_chunk(content)
            assert place.to_chunk().content == content
            assert all(np.isfinite(place.box()))
        elif kind in (3, 4):
            _check_travel(content, container.EXIF if kind == 3 else container.XMP, keep_gps)
        else:
            picture = open_picture(content, "a picture")
            if picture.width * picture.height <= 1 << 16:
                metadata.for_encoding(picture, True, keep_gps)
                read_photo(picture, "a picture")


def _check_travel(content: bytes, tag: int, keep_gps: bool) -> None:
    """Metadata of an encoded face reach a decoded picture, and what is found there again can be encoded again."""
    for kind in ("PNG", "JPEG", "TIFF"):
        kept, _ = metadata.for_decoding((container.Chunk(tag, content),), kind)
        written = write_image(RAMP, kind, kept)
        metadata.for_encoding(open_picture(written, kind), True, keep_gps)


def metadata_seeds() -> list[bytes]:
    """EXIF with a GPS position, XMP, an alignment, and pictures that hold some."""
    stored = Image.Exif()
    stored.update({0x010F: "Maker", 0x0110: "Model", 0x0112: 6, 0x013B: "An artist", 0x8298: "Someone"})
    stored.get_ifd(0x8769).update({0x829A: (1, 100), 0x9003: "2020:01:01 00:00:00", 0x9286: b"ASCII\0\0\0words"})
    stored.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    for pointer in (0x8769, 0x8825):
        stored[pointer] = stored.get_ifd(pointer)
    whole = exif.without_prefix(stored.tobytes())
    seeds = [b"\0" + whole, b"\x80" + whole, b"\1" + PACKET, b"\2" + PLACE.to_chunk().content, b"\3" + whole]
    kept = metadata.Metadata(exif.clean(whole, True), xmp.clean(PACKET, True))
    pictures = [b"\5" + write_image(RAMP, kind, kept) for kind in ("PNG", "JPEG", "TIFF", "WEBP")]
    return [*seeds, b"\4" + PACKET, *pictures]


def check_weights(data: bytes) -> None:
    """A weights file is refused, or its coder works with any payload."""
    import torch  # noqa: F401  # opens files of its own when it is imported

    path = _scratch()
    path.write_bytes(data)
    with within_bounds(path):
        model = read_model.__wrapped__(path)
        coder = coder_of(model)
        try:
            symbols = coder.decode(0, b"face")
        except GrainError:
            symbols = coder.decode(0, b"")
        shown = coder.to_low_resolution(symbols)
        assert shown.shape == (16, 16, 3) and shown.dtype == np.uint8
        load_networks(model)


@functools.cache
def _scratch() -> Path:
    """A file that only this process writes, in memory where that can be."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    made = tempfile.mkdtemp(prefix="grain-fuzz-", dir=folder)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made) / "model.safetensors"


def weights_seeds() -> list[bytes]:
    """The tables of the tiny model, and a model of the published kind with next to nothing in it."""
    other = _scratch().with_name("published.safetensors")
    write_file(other, Grain2022Spec(), {"networks.rescaling.a": np.zeros(3, np.float16)}, "made by a test")
    return [TINY_TABLES.read_bytes(), other.read_bytes()]


SURFACES = {
    "container": Surface(check_container, container_seeds, repair.container),
    "png": Surface(check_png, png_seeds, repair.png),
    "entropy": Surface(check_entropy, entropy_seeds),
    "metadata": Surface(check_metadata, metadata_seeds),
    "weights": Surface(check_weights, weights_seeds, repair.weights),
}
