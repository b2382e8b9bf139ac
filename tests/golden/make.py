"""Writes all golden files again, after the shipped weights or the format have changed.

    python tests/golden/make.py

Faces in examples/ give the files of the shipped model. The tiny model and the coder of the published family encode
whole numbers, so their files change only with the format. Encoders compute in floats and may write other files on
another machine; every machine decodes a file to the same result, and that is what the tests compare.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import portable
import tiny_model
from PIL import Image

from grain_codec.codec import FileCodec, load_model
from grain_codec.formats import container
from grain_codec.formats.alignment.placement import Alignment
from grain_codec.formats.images.reading import read_face
from grain_codec.models.face1024.contexts import CELLS
from grain_codec.models.face1024.symbols import Face1024Symbols
from grain_codec.models.grain2022.coder import MODELLED, Grain2022Coder, Grain2022Symbols
from grain_codec.settings import EncodeSettings
from grain_codec.weights import read_model

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SHIPPED: dict[str, dict[str, Any]] = {
    "anna-q5.grain": {"quality": 30},
    "carlos-q1.grain": {"quality": 0},
    "ellen-300.grain": {"max_bytes": 300},
    "mia-q8.grain": {"quality": 96},
    "otis-q3.grain.png": {"quality": 18, "carrier": "png"},
    "rafael-q6.grain.png": {"quality": 42, "carrier": "png"},
}
"""Files of the shipped model and the settings they are written with. The first word names the example face; what
follows q is a number of another scale of qualities."""

CHUNKS = (
    container.Chunk(container.XMP, b"<rdf:RDF/>"),
    Alignment(640, 480, 1 << 14, 3 << 12, 1 << 13, 0).to_chunk(),
)

Golden = tuple[bytes, np.ndarray, Any]
"""A file, its LR image uint8 `[16, 16, 3]`, and its symbols."""


def golden(files: FileCodec, data: bytes) -> Golden:
    """A file with its LR image and its symbols."""
    face = files.read(data)
    return data, files.lr_image(face), face.symbols


def shipped() -> dict[str, Golden]:
    """Example faces as the shipped model encodes them."""
    codec, made = load_model(device="cpu"), {}
    for name, options in SHIPPED.items():
        source = EXAMPLES / f"{name.partition('-')[0]}.jpg"
        data = codec.encode(read_face(source.read_bytes(), source.name), EncodeSettings(**options))
        made[name] = golden(codec.files, data)
    return made


def tiny() -> dict[str, Golden]:
    """Made-up faces of the tiny model: quiet ones, busy ones, and one whose levels go beyond every alphabet."""
    files, spec, made = FileCodec(read_model(portable.TINY_TABLES)), tiny_model.SPEC, {}
    for name, quality, most, chunks in (
        ("quiet.grain", 0, 0, ()),
        ("busy.grain", 9, 2, CHUNKS),
        ("busy.grain.png", 9, 2, ()),
        ("wild.grain", 15, 700, ()),
    ):
        thumbnail = tiny_model.whole_numbers(spec.thumbnail_components, 3 * most, 7)
        details = tiny_model.whole_numbers(CELLS * spec.detail_components, most, 8)
        # Only every ninth of the wild levels is kept, so that they fit in a file.
        details *= (np.arange(len(details)) % 9 == 0) | (most < 9)
        symbols = Face1024Symbols(thumbnail, details.reshape(CELLS, -1), quality)
        settings = EncodeSettings(carrier="png" if name.endswith("png") else "grain", chunks=chunks)
        made[f"tiny-{name}"] = golden(files, files.write(symbols, files.coder.encode(symbols), settings))
    return made


def published() -> dict[str, Golden]:
    """LR images as the lossless coder writes them: a thumbnail, a ramp, two kinds of noise."""
    source = EXAMPLES / "anna.jpg"
    noise = tiny_model.whole_numbers(768, 127, 9).reshape(16, 16, 3) + 127
    ramp = np.add.outer(8 * np.arange(16), 7 * np.arange(16))[..., None] + np.array([0, 9, 21])
    pictures = {
        "thumbnail": read_face(source.read_bytes(), source.name, 16),
        "ramp": ramp,
        "faint-noise": 120 + noise % 16,
        "two-levels": 100 + 40 * (noise % 7 < 3),
    }
    made = {}
    for name, picture in pictures.items():
        symbols = Grain2022Symbols(picture.astype(np.uint8))
        payload = Grain2022Coder().encode(symbols)
        assert payload.fine_quality == MODELLED
        data = container.pack(container.StoredFace(payload.fine_quality, bytes(3), payload.data))
        made[f"published-{name}.grain"] = data, symbols.pixels, symbols
    return made


def main() -> None:
    """Replaces all golden files."""
    tiny_model.write(portable.TINY_TABLES)
    portable.FILES.mkdir(exist_ok=True)
    for old in portable.FILES.iterdir():
        old.unlink()
    manifest = []
    for model, golden in (("face-1024", shipped()), ("tiny", tiny()), ("published", published())):
        for name, (data, pixels, symbols) in golden.items():
            (portable.FILES / name).write_bytes(data)
            shown = io.BytesIO()
            Image.fromarray(pixels).save(shown, "PNG", optimize=True)
            (portable.FILES / f"{name.partition('.')[0]}-lr{name.count('.')}.png").write_bytes(shown.getvalue())
            digests = {
                "symbols": portable.digest_of_symbols(symbols),
                "low_resolution": portable.digest_of_pixels(pixels),
            }
            manifest.append({"file": name, "model": model, **digests})
    portable.MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    print(f"{len(manifest)} golden files in {portable.FILES}")


if __name__ == "__main__":
    main()
