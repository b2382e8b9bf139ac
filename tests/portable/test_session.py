"""Drawing with ONNX Runtime: the shipped graphs, and graphs that cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from grain_codec.codec import Codec, OnnxDecoder, load_decoder
from grain_codec.errors import WrongModel
from grain_codec.portable import session
from grain_codec.portable.graphs import bare_graphs
from grain_codec.settings import DecodeSettings
from grain_codec.weights import ZOO, ModelFile, find_model, read_model

GOLDEN = Path(__file__).resolve().parents[1] / "golden/files"


@pytest.fixture(scope="module")
def shipped() -> ModelFile:
    return read_model(find_model("face-1024"))


@pytest.fixture(scope="module")
def decoder(shipped: ModelFile) -> OnnxDecoder:
    return OnnxDecoder(shipped)


@pytest.fixture
def copied(shipped: ModelFile, tmp_path: Path) -> ModelFile:
    """The shipped weights and their graphs in another folder."""
    for path in bare_graphs(shipped).values():
        shutil.copy(path, tmp_path)
    return read_model(Path(shutil.copy(shipped.path, tmp_path)))


def test_each_shipped_graph_belongs_to_shipped_weights(shipped: ModelFile, codec: Codec):
    """After new weights, `grain-weights export-onnx --beside-weights` writes new graphs; the old ones can go."""
    assert tuple(bare_graphs(shipped)) == codec.outputs
    assert sorted(bare_graphs(shipped).values()) == sorted(ZOO.glob("*.onnx"))


@pytest.mark.parametrize("output", ["fused", "rescaled", "prior"])
@pytest.mark.parametrize("name", ["carlos-q1.grain", "otis-q3.grain.png", "mia-q8.grain"])
def test_pixels_are_those_of_torch(codec: Codec, decoder: OnnxDecoder, name: str, output: str):
    data, settings = (GOLDEN / name).read_bytes(), DecodeSettings(output=output)
    drawn, expected = decoder.decode(data, settings), codec.decode(data, settings)
    assert drawn.shape == (1024, 1024, 3) and drawn.dtype == np.uint8
    assert (np.abs(drawn.astype(int) - expected) > 1).mean() <= 0.001


def test_the_first_picture_is_the_usual_one_and_others_are_refused(decoder: OnnxDecoder):
    face = decoder.files.read((GOLDEN / "anna-q5.grain").read_bytes())
    pair = decoder.draw([face.symbols, face.symbols])
    assert np.array_equal(pair[0], pair[1]) and np.array_equal(pair[0], decoder.draw([face.symbols], "fused")[0])
    with pytest.raises(WrongModel, match="cannot draw 'view'; it has fused, rescaled, prior"):
        decoder.draw([face.symbols], "view")


def test_graphs_lie_beside_their_weights(copied: ModelFile):
    moved = load_decoder(str(copied.path), "cpu", engine="onnx")
    assert isinstance(moved, OnnxDecoder) and moved.outputs == ("fused", "rescaled", "prior")
    assert moved.decode((GOLDEN / "anna-q5.grain").read_bytes()).shape == (1024, 1024, 3)


def damaged(path: Path, length: int | None = None, flip: int | None = None) -> None:
    content = bytearray(path.read_bytes()[:length])
    if flip is not None:
        content[flip] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(("length", "flip"), [(0, None), (100, None), (300_000, None), (None, 0), (None, 1)])
def test_a_damaged_graph_is_one_clear_sentence(copied: ModelFile, length: int | None, flip: int | None):
    path = bare_graphs(copied)["fused"]
    damaged(path, length, flip)
    decoder = OnnxDecoder(copied)
    with pytest.raises(WrongModel, match=r"fused\.graph\.onnx: .*; write it anew with `grain-weights export-onnx"):
        decoder.decode((GOLDEN / "anna-q5.grain").read_bytes())


def test_a_graph_of_other_weights_is_refused(copied: ModelFile, monkeypatch: pytest.MonkeyPatch):
    path = bare_graphs(copied)["fused"]
    ours = copied.fingerprint.hex().encode()
    assert path.read_bytes().count(ours) == 1
    path.write_bytes(path.read_bytes().replace(ours, b"abcdef"))
    with pytest.raises(WrongModel, match=f"made for the weights abcdef, not for {ours.decode()}"):
        OnnxDecoder(copied).decode((GOLDEN / "anna-q5.grain").read_bytes())


def test_a_graph_far_too_large_is_not_read(copied: ModelFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "MOST_GRAPH_BYTES", 1000)
    with pytest.raises(WrongModel, match="too large"):
        OnnxDecoder(copied).decode((GOLDEN / "anna-q5.grain").read_bytes())


def test_a_model_that_lacks_a_graph_is_refused(copied: ModelFile):
    """Otherwise another picture than usual would be drawn in its place."""
    path = bare_graphs(copied)["fused"]
    path.unlink()
    with pytest.raises(WrongModel, match=f"no file {path.name} lies beside the weights file"):
        OnnxDecoder(copied)
