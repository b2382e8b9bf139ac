"""ONNX files draw what torch draws, and say what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from grain_codec.codec import FileCodec
from grain_codec.errors import GrainError
from grain_codec.portable.graphs import Picture
from grain_codec.weights import ModelFile, find_model, load_networks, read_model

pytest.importorskip("onnx", reason='needs the extra "onnx"')
pytest.importorskip("onnxscript", reason='needs the extra "onnx"')
onnxruntime = pytest.importorskip("onnxruntime", reason='needs the extra "onnx"')

from grain_codec.portable.export import OnnxMissing, drawing, export_whole  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[1] / "golden/files"
FACES = ("carlos-q1.grain", "anna-q5.grain", "mia-q8.grain")  # Of the lowest quality, the usual and the highest one.


@pytest.fixture(scope="module")
def shipped() -> ModelFile:
    return read_model(find_model("face-1024"))


@pytest.fixture(scope="module")
def exported(shipped: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the shipped model, by what follows name and fingerprint."""
    folder = tmp_path_factory.mktemp("onnx")
    paths = list(export_whole(shipped, folder, "for a test"))
    assert sorted(folder.iterdir()) == sorted(paths)
    return {path.name.removeprefix(f"face-1024-{shipped.fingerprint.hex()}-"): path for path in paths}


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


def records_of(files: FileCodec) -> Iterator[np.ndarray]:
    """Records `[1, N]` of faces of the shipped model."""
    for name in FACES:
        yield files.coder.pack(files.read((GOLDEN / name).read_bytes()).symbols)[None]


def share_beyond_one_level(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape and one.dtype == other.dtype == np.uint8
    return float((np.abs(one.astype(int) - other) > 1).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "picture"),
    [
        ("fused.onnx", Picture("fused")),
        ("fused-fp16.onnx", Picture("fused")),
        ("fused-256.onnx", Picture("fused", 256)),
        ("fused-256-fp16.onnx", Picture("fused", 256)),
        ("rescaled.onnx", Picture("rescaled")),
        ("rescaled-fp16.onnx", Picture("rescaled")),
    ],
)
def test_pixels_are_those_of_torch(shipped: ModelFile, exported: dict[str, Path], file: str, picture: Picture):
    runs, module = session(exported[file]), drawing(load_networks(shipped), picture)
    for record in records_of(FileCodec(shipped)):
        [drawn] = runs.run(["picture"], {"symbols": record})
        expected = module(torch.from_numpy(record)).numpy()
        side = picture.side or 1024
        assert drawn.shape == (1, side, side, 3) and drawn.std() > 30
        assert share_beyond_one_level(drawn, expected) <= 0.001


@pytest.mark.slow
def test_the_small_picture_is_the_large_one_reduced(exported: dict[str, Path], shipped: ModelFile):
    record = next(records_of(FileCodec(shipped)))
    large, small = (
        session(exported[file]).run(None, {"symbols": record})[0] for file in ("fused.onnx", "fused-256.onnx")
    )
    means = large.reshape(1, 256, 4, 256, 4, 3).mean((2, 4)).round().astype(np.uint8)
    assert share_beyond_one_level(small, means) == 0


@pytest.mark.slow
def test_half_precision_halves_the_file(exported: dict[str, Path]):
    for file in ("fused", "fused-256", "rescaled"):
        whole, half = (exported[f"{file}{ending}.onnx"].stat().st_size for ending in ("", "-fp16"))
        assert 0.5 <= half / whole < 0.56


@pytest.mark.slow
def test_metadata_say_what_a_file_is(exported: dict[str, Path], shipped: ModelFile):
    found = session(exported["fused-256-fp16.onnx"]).get_modelmeta().custom_metadata_map
    assert type(shipped.spec).from_json(found["spec"]) == shipped.spec
    assert found["fingerprint"] == shipped.fingerprint.hex()
    assert found["fingerprint in files"] == shipped.coding_fingerprint.hex()
    assert (found["picture"], found["licence"]) == ("fused-256-fp16", "for a test")


@pytest.mark.slow
def test_tables_alone_read_every_file(exported: dict[str, Path], shipped: ModelFile):
    """The symbols of a face need no float: the coder of the tables file decodes them."""
    tables, files = read_model(exported["tables.safetensors"]), FileCodec(shipped)
    with safe_open(exported["tables.safetensors"], "numpy") as file:
        assert file.metadata()["fingerprint in files"] == shipped.coding_fingerprint.hex()
    assert all(np.issubdtype(tensor.dtype, np.integer) for tensor in tables.tensors.values())
    for name in FACES:
        face = files.read((GOLDEN / name).read_bytes())
        assert np.array_equal(tables.coder().pack(tables.coder().decode(face.payload)), files.coder.pack(face.symbols))


def test_the_published_network_is_exported_too(small_weights: Path, tmp_path: Path):
    model = read_model(small_weights)
    name = f"grain-2022-{model.fingerprint.hex()}-"
    endings = ("fused.onnx", "fused-fp16.onnx", "rescaled.onnx", "rescaled-fp16.onnx", "tables.safetensors")
    (tmp_path / f"{name}fused.onnx").write_bytes(b"old")
    paths = list(export_whole(model, tmp_path, "not stated", force=True))
    assert [path.name for path in paths] == [name + ending for ending in endings]
    record = np.random.default_rng(0).integers(0, 256, (1, 768), np.uint8)
    for path, output in zip(paths, ("fused", "fused", "rescaled", "rescaled")):
        [drawn] = session(path).run(None, {"symbols": record})
        expected = drawing(load_networks(model), Picture(output))(torch.from_numpy(record)).numpy()
        assert drawn.shape == (1, 64, 64, 3) and drawn.std() > 2
        assert share_beyond_one_level(drawn, expected) <= 0.001


@pytest.mark.parametrize("ending", ["fused.onnx", "rescaled-fp16.onnx"])
def test_existing_files_stay_without_force(small_weights: Path, tmp_path: Path, ending: str):
    model = read_model(small_weights)
    path = tmp_path / f"grain-2022-{model.fingerprint.hex()}-{ending}"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError) as refusal:
        next(export_whole(model, tmp_path, "not stated"))
    assert refusal.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name] and path.read_bytes() == b"old"


def test_missing_packages_are_named(small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("grain_codec.portable.export.find_spec", lambda name: None)
    with pytest.raises(OnnxMissing, match=r'pip install .*"onnxscript'):
        next(export_whole(read_model(small_weights), tmp_path, "not stated"))
    assert issubclass(OnnxMissing, GrainError) and not list(tmp_path.iterdir())
