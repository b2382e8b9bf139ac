"""What the viewer downloads is what its list says, and gives every graph the bytes of its weights."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from grain_codec.codec import Codec
from grain_codec.portable.graphs import left_out
from grain_codec.weights import read_model

PROGRAM = Path(__file__).resolve().parents[2] / "tools/viewer_networks.py"


def test_the_list_describes_the_files(codec: Codec, tmp_path: Path) -> None:
    runpy.run_path(str(PROGRAM))["main"](tmp_path)
    listed = json.loads((tmp_path / "models.json").read_text(encoding="utf-8"))
    files = [listed["tables"], listed["weights"], *listed["pictures"].values()]
    assert {file["file"]: file["bytes"] for file in files} == {
        path.name: path.stat().st_size for path in tmp_path.iterdir() if path.name != "models.json"
    }
    assert listed["side"] == codec.spec.image_size
    weights = (tmp_path / listed["weights"]["file"]).read_bytes()
    model = read_model(tmp_path / listed["weights"]["file"])
    for picture, graph in listed["pictures"].items():
        found = b"".join(weights[offset : offset + length] for offset, length in graph["parts"])
        assert found == b"".join(tensor.tobytes() for tensor in left_out(model, picture).values())
