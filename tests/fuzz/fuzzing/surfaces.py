"""The five surfaces: places where the program reads bytes that a stranger may have made.

Each surface has a check that must pass for any bytes, and valid inputs to start from. An input is

    container    a .grain file
    png          a carrier image
    entropy      a byte that says what follows (see `check_entropy`), a fine quality, a payload or samples
    metadata     a byte that says what follows (see `check_metadata`), its content
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
from PIL import Image, PngImagePlugin

from fuzzing import repair
from fuzzing.bounds import within_bounds
from grain_codec.codec import FileCodec, read_chunks
from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import GrainError
from grain_codec.formats import container, png_carrier
from grain_codec.formats.alignment import placement
from grain_codec.formats.images import exif, metadata, xmp
from grain_codec.formats.images.reading import open_picture, read_photo
from grain_codec.formats.images.writing import write_image
from grain_codec.models.face1024.coder import Face1024Coder
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.family import Payload
from grain_codec.models.grain2022.coder import MODELLED, PLAIN, Grain2022Coder, Grain2022Symbols
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.settings import EncodeSettings
from grain_codec.weights import load_networks, read_model, write_file

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
TINY_TABLES = GOLDEN / "tiny-tables.safetensors"
"""A small model of the family of face-1024 without networks; see golden/tiny_model.py."""

SLOW = 224
"""First bytes from here on stand for the published family in inputs of the surface "entropy"."""

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
    """A place where bytes of a stranger come in.

    Attributes:
        check: raises an error when an input breaks a rule that holds for all inputs.
        seeds: makes valid inputs.
        repair: corrects the checksums and lengths of a mutated input.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    repair: Callable[[bytes], bytes] = bytes


@functools.cache
def tiny_files() -> FileCodec:
    """Reads and writes the files of the tiny model."""
    return FileCodec(read_model(TINY_TABLES))


def tiny_coder() -> Face1024Coder:
    """The coder of the tiny model."""
    coder = tiny_files().coder
    assert isinstance(coder, Face1024Coder)
    return coder


def tiny_face(seed: int, fine_quality: int = 6) -> Face1024Symbols:
    """Symbols of the tiny model, most of them small."""
    spec, source = tiny_coder().spec, np.random.default_rng(seed)
    thumbnail = source.geometric(0.2, spec.thumbnail_components) * source.choice([-1, 0, 1], spec.thumbnail_components)
    details = source.choice([-2, -1, 0, 0, 0, 0, 0, 0, 1, 3], (256, spec.detail_components))
    return Face1024Symbols(thumbnail, details, fine_quality)


def written(symbols: Face1024Symbols, carrier: str = "grain", chunks: tuple[container.Chunk, ...] = ()) -> bytes:
    """A file of the tiny model."""
    settings = EncodeSettings(carrier=carrier, chunks=chunks)
    return tiny_files().write(symbols, tiny_coder().encode(symbols), settings)


def check_container(data: bytes) -> None:
    """A file that is read would be written with the same bytes; every other file is refused."""
    files = tiny_files()
    with within_bounds():
        stored = container.unpack(data)
        assert container.pack(stored) == data
        assert container.describe(data) and read_chunks(data) == stored.chunks
        if stored.fingerprint == files.model.coding_fingerprint:
            assert written(files.read(data).symbols, chunks=stored.chunks) == data
        placement.find_alignment(stored.chunks)


def container_seeds() -> list[bytes]:
    """Files with and without chunks, of the tiny model and of an unknown one."""
    chunks = (container.Chunk(container.EXIF, b"II"), PLACE.to_chunk(), container.Chunk(0x42, bytes(200)))
    plain = container.StoredFace(22, b"abc", b"face")
    return [
        container.pack(plain),
        container.pack(container.StoredFace(22, b"abc", b"face" * 90, chunks)),
        written(tiny_face(1)),
        written(tiny_face(2), chunks=(PLACE.to_chunk(),)),
    ]


def check_png(data: bytes) -> None:
    """A carrier that is read keeps its pixels and settings when it is written again."""
    files = tiny_files()
    with within_bounds():
        carrier = png_carrier.unpack(data)
        assert carrier.pixels.shape == (16, 16, 3) and carrier.pixels.dtype == np.uint8
        again = png_carrier.unpack(png_carrier.pack(carrier))
        assert np.array_equal(again.pixels, carrier.pixels) and again.chunks == carrier.chunks
        assert (again.fine_quality, again.fingerprint) == (carrier.fine_quality, carrier.fingerprint)
        shown = files.lr_image(files.read(data, fine_quality=6))
        assert np.array_equal(shown, carrier.pixels)


def png_seeds() -> list[bytes]:
    """Carriers as they are packed, and as other programs write them."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a" * 50, zip=True)
    whole = written(tiny_face(3), "png", (container.Chunk(container.EXIF, b"II*\0\x08\0\0\0\0\0\0\0\0\0"),))
    carrier, packed = png_carrier.unpack(whole), [whole]
    packed.append(png_carrier.pack(png_carrier.Carrier(RAMP, None, None)))
    pictures = (
        (Image.fromarray(carrier.pixels), {"pnginfo": text}),
        (Image.fromarray(RAMP).convert("L"), {"compress_level": 0}),
        (Image.fromarray(RAMP).quantize(9), {"bits": 4}),
    )
    for picture, options in pictures:
        saved = io.BytesIO()
        picture.save(saved, "PNG", **options)
        packed.append(saved.getvalue())
    return packed


def check_entropy(data: bytes) -> None:
    """Payloads and LR images that are read would be written the same: no face has two spellings.

    The first byte says what the bytes after the second are: below SLOW and even, a payload of the tiny model; below
    SLOW and odd, an LR image of it; from SLOW on, a payload of the published family, whose coder takes half a second.
    The second byte is the fine quality.
    """
    if len(data) < 2:
        return
    kind, fine_quality, content = data[0], data[1], data[2 : 2 + LR_SAMPLES]
    levels, samples = tiny_coder(), Grain2022Coder()
    with within_bounds():
        if kind >= SLOW:
            payload = Payload(PLAIN if kind % 2 else MODELLED, content)
            assert samples.encode(samples.decode(payload)) == payload
        elif kind % 2 == 0:
            payload = Payload(fine_quality, content)
            symbols = levels.decode(payload)
            assert levels.encode(symbols) == payload
            if len(content) <= 500:
                again, embedded = levels.from_lr_image(levels.to_lr_image(symbols, payload), fine_quality)
                assert embedded == payload
                assert np.array_equal(again.details, symbols.details)
                assert np.array_equal(again.thumbnail, symbols.thumbnail)
        else:
            pixels = np.frombuffer(content.ljust(LR_SAMPLES, b"\0"), np.uint8).reshape(16, 16, 3)
            symbols, _ = levels.from_lr_image(pixels, fine_quality)
            assert np.array_equal(levels.to_lr_image(symbols), pixels)


def entropy_seeds() -> list[bytes]:
    """Faces of both families."""
    levels, samples = tiny_coder(), Grain2022Coder()
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    seeds = [bytes([0, quality]) + levels.encode(tiny_face(quality, quality)).data for quality in (0, 7, 15)]
    seeds.append(bytes([1, 6]) + levels.to_lr_image(tiny_face(4)).tobytes())
    seeds.append(bytes([SLOW, 0]) + samples.encode(Grain2022Symbols(RAMP)).data)
    return [*seeds, bytes([SLOW + 1, 0]) + samples.encode(Grain2022Symbols(noise)).data]


def check_metadata(data: bytes) -> None:
    """Metadata are refused, or cleaned so that cleaning them again changes nothing.

    The low three bits of the first byte say what follows: 0 EXIF, 1 XMP, 2 an alignment, 3 EXIF within a PNG, a JPEG
    and a TIFF, 4 XMP within them, 5 to 7 a picture file. Its top bit keeps the GPS position.
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
    """Metadata of an encoded face can be written to a decoded picture, read there and encoded again."""
    for kind in ("PNG", "JPEG", "TIFF"):
        kept, _ = metadata.for_decoding((container.Chunk(tag, content),), kind)
        metadata.for_encoding(open_picture(write_image(RAMP, kind, kept), kind), True, keep_gps)


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
    import torch  # noqa: F401  # It opens files of its own when it is imported.

    path = _scratch()
    path.write_bytes(data)
    with within_bounds(path):
        model = read_model.__wrapped__(path)
        coder = model.coder()
        try:
            symbols = coder.decode(Payload(0, b"face"))
        except GrainError:
            symbols = coder.decode(Payload(0, b""))
        shown = coder.to_lr_image(symbols)
        assert shown.shape == (16, 16, 3) and shown.dtype == np.uint8
        load_networks(model)


@functools.cache
def _scratch() -> Path:
    """A file that only this process writes, in memory where the system has a folder there."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    made = tempfile.mkdtemp(prefix="grain-fuzz-", dir=folder)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made) / "model.safetensors"


def weights_seeds() -> list[bytes]:
    """The tables of the tiny model, and a model of the published family with a single tensor."""
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
