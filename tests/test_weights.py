"""Weights files: what is written is read, what is damaged is refused, and the name says what is inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.weights import (
    ModelFile,
    find_model,
    fingerprint_of,
    load_networks,
    network_tensors,
    read_model,
    user_folder,
    write_file,
    write_model,
)

SHIPPED = find_model("face-1024")


def test_the_shipped_file_is_named_after_its_fingerprint():
    assert SHIPPED.stem == f"face-1024-{read_model(SHIPPED).fingerprint.hex()}"


def test_the_shipped_file_is_at_most_32_mb():
    assert SHIPPED.stat().st_size <= 32_000_000


def test_tensors_and_spec_come_back(tmp_path: Path):
    tensors = {"networks.a": np.arange(6, dtype=np.float16).reshape(2, 3), "tables.b": np.array([1], np.uint8)}
    path = write_model(tmp_path, Face1024Spec(name="made"), tensors, "made by a test")
    model = read_model(path)
    assert model.spec.name == "made" and model.origin == "made by a test"
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


def test_networks_of_the_published_kind_come_back(small_networks: Grain2022, small_weights: Path):
    back = load_networks(read_model(small_weights))
    assert isinstance(back, Grain2022) and not back.training
    expected = {name: value.half().float() for name, value in small_networks.state_dict().items()}
    assert all(torch.equal(value, expected[name]) for name, value in back.state_dict().items())
    assert torch.equal(back.prior.latent_avg, expected["prior.latent_avg"])


def test_any_change_changes_the_fingerprint():
    tensors = {"networks.a": np.zeros(4, np.float16)}
    spec = Face1024Spec()
    fingerprints = {
        fingerprint_of(spec, tensors),
        fingerprint_of(Face1024Spec(coarsest_step=1.0), tensors),
        fingerprint_of(spec, {"networks.a": np.array([0, 0, 0, 1], np.float16)}),
        fingerprint_of(spec, {"networks.b": np.zeros(4, np.float16)}),
        fingerprint_of(spec, {"networks.a": np.zeros((2, 2), np.float16)}),
    }
    assert len(fingerprints) == 5


def made_with(tmp_path: Path, spec: Face1024Spec, **changed: np.ndarray) -> ModelFile:
    """A model of three tensors, some of them changed."""
    names = {"rescaling": "networks.rescaling.a", "fusion": "networks.fusion.b", "table": "tables.c"}
    tensors = {name: changed.get(key, np.zeros(4, np.float16)) for key, name in names.items()}
    return read_model(write_model(tmp_path, spec, tensors, ""))


def test_weights_that_only_draw_otherwise_read_each_others_files(tmp_path: Path):
    ones, plain, drawing = np.ones(4, np.float16), Face1024Spec(), Face1024Spec(drawing=DrawingSpec())
    model = made_with(tmp_path, plain)
    for drawn in (made_with(tmp_path, plain, fusion=ones), made_with(tmp_path, drawing)):
        assert drawn.fingerprint != model.fingerprint
        drawn.check_fingerprint(model.coding_fingerprint)
    others = [made_with(tmp_path, plain, rescaling=ones), made_with(tmp_path, plain, table=ones)]
    for other in (*others, made_with(tmp_path, Face1024Spec(coarsest_step=1.0))):
        with pytest.raises(WrongModel, match=model.coding_fingerprint.hex()):
            other.check_fingerprint(model.coding_fingerprint)


def test_the_shipped_weights_read_all_files_of_this_fingerprint():
    """A new one makes the files of users unreadable; the first weights had no prior and were named after it."""
    assert read_model(SHIPPED).coding_fingerprint.hex() == "69122f"


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
    with pytest.raises(WrongModel, match="lacks rescaling.analysis_basis"):
        load_networks(read_model(path))


@pytest.mark.parametrize(
    "spec",
    [
        Grain2022Spec(width=256, growth=128, encoder_blocks=32, generator_channels=(1024,) * 9, code_channels=1024),
        Face1024Spec(view_size=512, detail_components=96, predictor_width=1024, predictor_blocks=32),
    ],
    ids=["grain-2022", "face-1024"],
)
def test_networks_get_no_more_memory_than_the_file_has_tensors_for(tmp_path: Path, spec: Grain2022Spec | Face1024Spec):
    """The largest that a spec may claim would be gigabytes."""
    path = write_model(tmp_path, spec, {"networks.rescaling.a": np.zeros(1)}, "")
    with pytest.raises(WrongModel, match="lacks rescaling"):
        load_networks(read_model(path))


@pytest.mark.parametrize("field", ["width", "image_size"])
def test_a_file_of_impossible_sizes_is_refused_on_reading(tmp_path: Path, field: str):
    spec = json.dumps({**json.loads(Grain2022Spec().to_json()), field: 1 << 40})
    path = tmp_path / "huge.safetensors"
    path.write_bytes(save({"networks.rescaling.a": np.zeros(1)}, {"spec": spec}))
    with pytest.raises(WrongModel, match=f"huge.safetensors.*{field}"):
        read_model(path)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(WrongModel, match="face-1024"):
        find_model("house-512")


def test_imported_models_are_found_by_their_whole_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRAIN_MODELS", str(tmp_path))
    assert user_folder() == tmp_path
    with pytest.raises(WrongModel, match="grain-weights import"):
        find_model("grain-2022")
    other = write_model(tmp_path, Grain2022Spec(name="grain-2022-generator"), {"networks.a": np.zeros(1)}, "")
    older = write_model(tmp_path, Grain2022Spec(), {"networks.a": np.zeros(1)}, "")
    newer = write_model(tmp_path, Grain2022Spec(), {"networks.a": np.ones(1)}, "")
    os.utime(older, (1, 1))
    assert find_model("grain-2022") == newer
    assert find_model("grain-2022-generator") == other
    assert find_model("face-1024") == SHIPPED


def test_without_a_named_folder_it_is_in_the_user_s_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("GRAIN_MODELS", raising=False)
    for variable in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert user_folder().parts[-2:] == ("grain-codec", "models") and user_folder().is_relative_to(tmp_path)


def test_a_failed_write_leaves_nothing(tmp_path: Path):
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(OSError):
        write_file(tmp_path / "a.safetensors", Face1024Spec(), {"networks.a": np.zeros(1)}, "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_full_disk_is_an_error_of_the_file_and_no_file_of_the_users_is_touched(tmp_path: Path):
    (tmp_path / "a.partial").write_bytes(b"mine")
    limit = ["bash", "-c", "ulimit -f 1; trap '' XFSZ; exec \"$@\"", "-"]
    program = (
        "import sys, numpy as np; from pathlib import Path; from grain_codec.models.face1024.spec import Face1024Spec\n"
        "from grain_codec.weights import write_file\n"
        "try: write_file(Path(sys.argv[1]), Face1024Spec(), {'networks.a': np.zeros(1 << 16)}, '')\n"
        "except OSError as error: print(error.filename)"
    )
    target = str(tmp_path / "a.safetensors")
    ended = subprocess.run([*limit, sys.executable, "-c", program, target], capture_output=True, text=True)
    assert ended.stdout.strip() == target, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial"]
    assert (tmp_path / "a.partial").read_bytes() == b"mine"
