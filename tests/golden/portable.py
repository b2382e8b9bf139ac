"""Decodes the golden files with nothing but Python and numpy, and compares: for other Pythons and other processors.

    python3.13 tests/golden/portable.py

It needs no installation and neither torch, Pillow nor safetensors. Carriers, which are PNGs, are left to the tests.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FILES = HERE / "files"
MANIFEST = FILES / "golden.json"
TINY_TABLES = HERE / "tiny-tables.safetensors"
NUMBERS = {"U8": "<u1", "I8": "<i1", "I16": "<i2", "I32": "<i4", "F16": "<f2"}


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Header texts and tensors of a weights file, by the letter of the format; our own files need no checks."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    texts = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], NUMBERS[entry["dtype"]]).reshape(entry["shape"])
    return texts, tensors


def digest_of_pixels(pixels: np.ndarray) -> str:
    """SHA-256 of an LR image, rows from the top, each pixel R, G, B."""
    return hashlib.sha256(pixels.astype(np.uint8).tobytes()).hexdigest()


def digest_of_symbols(symbols: Any) -> str:
    """SHA-256 of a face's symbols: as text the fine quality, thumbnail levels and detail levels, or the samples."""
    if hasattr(symbols, "pixels"):
        return digest_of_pixels(symbols.pixels)
    levels = [symbols.fine_quality, *symbols.thumbnail.tolist(), *symbols.details.reshape(-1).tolist()]
    return hashlib.sha256(" ".join(map(str, levels)).encode()).hexdigest()


class Decoder:
    """The integer half of a model: payload to symbols and LR image."""

    def __init__(self, path: Path | None):
        """`path` is of a weights file of the kind of face-1024; None stands for the published kind."""
        if path is None:
            return
        from grain_codec.models.face1024.symbols import SymbolCoder, SymbolTables
        from grain_codec.models.face1024.thumbnail import ThumbnailTables
        from grain_codec.models.registry import read_spec

        texts, tensors = read_safetensors(path)
        names = ("thumbnail_scales", "detail_scales", "thumbnail_context", "detail_context", "cumulative")
        spec = read_spec(texts["spec"])
        self.levels = SymbolCoder(spec, SymbolTables(**{name: tensors[f"tables.{name}"] for name in names}))
        mean, basis = (tensors[f"networks.rescaling.thumbnail_{name}"] for name in ("mean", "basis"))
        self.thumbnails = ThumbnailTables(mean, basis, tensors["tables.thumbnail_steps"])
        self.thumbnails.check(spec)

    def decode(self, data: bytes) -> tuple[Any, np.ndarray]:
        """Symbols and LR image of a .grain file, which has to be what is written of its symbols."""
        from grain_codec.formats import container

        from grain_codec.coding import lr_image as low_resolution
        from grain_codec.models.grain2022 import lossless

        stored = container.unpack(data)
        assert container.pack(stored) == data
        if not hasattr(self, "levels"):
            pixels = lossless.decode(stored.payload)
            return SimpleNamespace(pixels=pixels), pixels
        symbols = self.levels.decode(stored.payload, stored.fine_quality)
        thumbnail = low_resolution.draw_thumbnail(symbols.thumbnail, symbols.fine_quality, self.thumbnails)
        shown = low_resolution.embed(stored.payload, thumbnail)
        assert low_resolution.extract(shown) == stored.payload
        return symbols, shown


def weights_of(model: str) -> Path | None:
    """The weights file of a model's name in the manifest; None for the published kind."""
    if model == "published":
        return None
    return TINY_TABLES if model == "tiny" else next((REPOSITORY / "grain_codec" / "zoo").glob(f"{model}-*.safetensors"))


def mismatches() -> list[str]:
    """Names of the golden .grain files that give other symbols or another LR image than they should."""
    wrong, decoders = [], {}
    for entry in json.loads(MANIFEST.read_text(encoding="utf-8")):
        if not entry["file"].endswith(".grain"):
            continue
        decoder = decoders.setdefault(entry["model"], Decoder(weights_of(entry["model"])))
        symbols, shown = decoder.decode((FILES / entry["file"]).read_bytes())
        found = digest_of_symbols(symbols), digest_of_pixels(shown)
        if found != (entry["symbols"], entry["low_resolution"]):
            wrong.append(entry["file"])
    return wrong


def main() -> None:
    """Puts the package together as it is installed, decodes, and says what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "grain_codec"
        package.mkdir()
        for path in (REPOSITORY / "grain_codec").glob("*.py"):
            (package / path.name).symlink_to(path)
        (package / "formats").symlink_to(REPOSITORY / "formats", target_is_directory=True)
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        wrong = mismatches()
    where = f"Python {sys.version.split()[0]}, numpy {np.__version__}, {sys.byteorder}-endian, "
    where += f"{8 * np.dtype(np.intp).itemsize} bits, integers of {8 * np.dtype(int).itemsize}"
    print(f"{where}: {', '.join(wrong) + ' differ' if wrong else 'every golden file decodes as it should'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
