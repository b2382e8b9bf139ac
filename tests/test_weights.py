"""Weights files: what is written is read, what is damaged is refused, and the name says what is inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from grain_codec.errors import WrongModel
from grain_codec.spec import ModelSpec
from grain_codec.weights import find_model, fingerprint_of, load_networks, network_tensors, read_model, write_model

SHIPPED = find_model("face-1024")


def test_the_shipped_file_is_named_after_its_fingerprint():
    assert SHIPPED.stem == f"face-1024-{read_model(SHIPPED).fingerprint.hex()}"


def test_the_shipped_file_is_at_most_24_mb():
    assert SHIPPED.stat().st_size <= 24_000_000


def test_tensors_and_spec_come_back(tmp_path: Path):
    tensors = {"networks.a": np.arange(6, dtype=np.float16).reshape(2, 3), "tables.b": np.array([1], np.uint8)}
    path = write_model(tmp_path, ModelSpec(name="made"), tensors, "made by a test")
    model = read_model(path)
    assert model.spec.name == "made"
    assert path.name == f"made-{model.fingerprint.hex()}.safetensors"
    assert all(np.array_equal(model.tensors[name], tensors[name]) for name in tensors)
    assert list(tmp_path.iterdir()) == [path]


def test_networks_come_back_whatever_their_memory_layout(tmp_path: Path):
    model = read_model(SHIPPED)
    networks = load_networks(model)
    path = write_model(tmp_path, model.spec, {**model.tensors, **network_tensors(networks)}, "")
    back = load_networks(read_model(path)).state_dict()
    assert all(torch.equal(back[name], value) for name, value in networks.state_dict().items())
    assert read_model(path).fingerprint == model.fingerprint


def test_any_change_changes_the_fingerprint():
    tensors = {"networks.a": np.zeros(4, np.float16)}
    spec = ModelSpec()
    fingerprints = {
        fingerprint_of(spec, tensors),
        fingerprint_of(ModelSpec(coarsest_step=1.0), tensors),
        fingerprint_of(spec, {"networks.a": np.array([0, 0, 0, 1], np.float16)}),
        fingerprint_of(spec, {"networks.b": np.zeros(4, np.float16)}),
        fingerprint_of(spec, {"networks.a": np.zeros((2, 2), np.float16)}),
    }
    assert len(fingerprints) == 5


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x00" * 8, (1 << 62).to_bytes(8, "little") + b"{}"])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WrongModel, match="model.safetensors"):
        read_model(path)


def test_a_safetensors_file_without_a_spec_is_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(save({"a": np.zeros(1)}))
    with pytest.raises(WrongModel):
        read_model(path)


def test_a_missing_tensor_is_named(tmp_path: Path):
    model = read_model(SHIPPED)
    tensors = {name: tensor for name, tensor in model.tensors.items() if not name.endswith("analysis_basis")}
    path = write_model(tmp_path, model.spec, tensors, "")
    with pytest.raises(WrongModel, match="analysis_basis"):
        load_networks(read_model(path))


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(WrongModel, match="face-1024"):
        find_model("house-512")
