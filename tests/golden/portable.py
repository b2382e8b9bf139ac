"""Decodes the golden files with nothing but Python and numpy, to compare other Pythons and other processors.

    python3.13 tests/golden/portable.py

It needs no installation, and neither torch, Pillow nor safetensors. Only the tests decode the carriers, which are PNGs.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FILES = HERE / "files"
MANIFEST = FILES / "golden.json"
TINY_TABLES = HERE / "tiny-tables.safetensors"
NUMBERS = {"U8": "<u1", "I8": "<i1", "I16": "<i2", "I32": "<i4", "F16": "<f2"}


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Header texts and tensors of a weights file, without any checks, since they are our own."""
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
    """SHA-256 of a face's symbols: of fine quality, thumbnail levels and detail levels as text, or of the samples."""
    if hasattr(symbols, "pixels"):
        return digest_of_pixels(symbols.pixels)
    levels = [symbols.fine_quality, *symbols.thumbnail.tolist(), *symbols.details.reshape(-1).tolist()]
    return hashlib.sha256(" ".join(map(str, levels)).encode()).hexdigest()


def read_coder(path: Path | None) -> Any:
    """What goes between payloads, symbols and LR images.

    Args:
        path: a weights file of the family of face-1024; None stands for the published family.
    """
    from grain_codec.models.grain2022.coder import Grain2022Coder
    from grain_codec.models.registry import family_of, read_spec

    if path is None:
        return Grain2022Coder()
    texts, tensors = read_safetensors(path)
    spec = read_spec(texts["spec"])
    return family_of(spec).coder(spec, tensors)


def decode(coder: Any, data: bytes) -> tuple[Any, np.ndarray]:
    """Symbols and LR image of a .grain file; writing them must give the same file, and the image the same payload."""
    from grain_codec.formats import container
    from grain_codec.models.family import Payload

    stored = container.unpack(data)
    assert container.pack(stored) == data
    payload = Payload(stored.fine_quality, stored.payload)
    symbols = coder.decode(payload)
    pixels = coder.to_lr_image(symbols, payload)
    if not hasattr(symbols, "pixels"):
        assert coder.from_lr_image(pixels, stored.fine_quality)[1] == payload
    return symbols, pixels


def weights_of(model: str) -> Path | None:
    """The weights file of a model in the manifest; None for the published family."""
    if model == "published":
        return None
    return TINY_TABLES if model == "tiny" else next((REPOSITORY / "grain_codec" / "zoo").glob(f"{model}-*.safetensors"))


def mismatches() -> list[str]:
    """Names of the golden .grain files that decode to other symbols or another LR image than the manifest says."""
    wrong, coders = [], {}
    for entry in json.loads(MANIFEST.read_text(encoding="utf-8")):
        if not entry["file"].endswith(".grain"):
            continue
        if entry["model"] not in coders:
            coders[entry["model"]] = read_coder(weights_of(entry["model"]))
        symbols, pixels = decode(coders[entry["model"]], (FILES / entry["file"]).read_bytes())
        found = digest_of_symbols(symbols), digest_of_pixels(pixels)
        if found != (entry["symbols"], entry["low_resolution"]):
            wrong.append(entry["file"])
    return wrong


def main() -> None:
    """Links the package together under its installed names, decodes all files and reports the result."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "grain_codec"
        package.mkdir()
        for path in (REPOSITORY / "formats", *(REPOSITORY / "grain_codec").iterdir()):
            (package / path.name).symlink_to(path, target_is_directory=path.is_dir())
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        wrong = mismatches()
    where = f"Python {sys.version.split()[0]}, numpy {np.__version__}, {sys.byteorder}-endian, "
    where += f"{8 * np.dtype(np.intp).itemsize} bits, integers of {8 * np.dtype(int).itemsize}"
    print(f"{where}: {', '.join(wrong) + ' differ' if wrong else 'every golden file decodes as it should'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
