"""Writes what the viewer downloads of the shipped model: weights, bare graphs, integer tables, and `models.json`.

python tools/viewer_networks.py FOLDER

`models.json` names the files with their sizes. For each picture it also has the parts of the weights file, as pairs of
offset and length in bytes, that make up the bytes in which the picture's graph looks for its weights.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from grain_codec.portable.graphs import WEIGHTS, bare_graphs, left_out
from grain_codec.portable.tables import write_tables
from grain_codec.settings import DEFAULT_MODEL
from grain_codec.weights import ModelFile, find_model, read_model
from grain_codec.zoo import LICENCE

PICTURES = ("fused", "rescaled")


def main(folder: Path) -> None:
    """Writes the files; those that exist are overwritten."""
    model = read_model(find_model(DEFAULT_MODEL))
    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "side": model.spec.image_size,
        "tables": _size(write_tables(model, folder, LICENCE, force=True)),
        "weights": _size(Path(shutil.copy(model.path, folder))),
        "pictures": {
            picture: _size(Path(shutil.copy(bare_graphs(model)[picture], folder)))
            | {"external": WEIGHTS, "parts": _parts(model, picture)}
            for picture in PICTURES
        },
    }
    (folder / "models.json").write_text(json.dumps(description) + "\n", encoding="utf-8")


def _size(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size}


def _parts(model: ModelFile, picture: str) -> list[list[int]]:
    """The places in the weights file of the tensors that the graph of a picture takes from it, in the graph's order."""
    with open(model.path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    parts: list[list[int]] = []
    for name in left_out(model, picture):
        begin, end = (8 + length + offset for offset in header[name]["data_offsets"])
        if parts and sum(parts[-1]) == begin:
            parts[-1][1] += end - begin
        else:
            parts.append([begin, end - begin])
    return parts


if __name__ == "__main__":
    main(Path(sys.argv[1]))
