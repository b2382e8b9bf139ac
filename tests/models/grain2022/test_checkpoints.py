"""Files in the layouts of the official program become the tensors of a weights file, or are refused by name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.checkpoints import OFFICIAL_NAMES, Checkpoints, find_checkpoints, import_checkpoints
from grain_codec.models.grain2022.networks import Grain2022

OPTIONS = {"exp_dir": "experiment", "lr": 1e-4, "invRRDB": True}
Contents = dict[str, dict[str, Any]]


@pytest.fixture
def contents(small_networks: Grain2022) -> Contents:
    """What the official files hold, by kind; the prior's own generator is not the pretrained one."""
    prior = dict(small_networks.prior.state_dict())
    mean_code = prior.pop("latent_avg")
    generator = dict(small_networks.prior.decoder.state_dict())
    prior.update((name, value + 1) for name, value in prior.items() if name.startswith("decoder."))
    return {
        "invrrdb": {"state_dict": dict(small_networks.rescaling.state_dict()), "opts": OPTIONS},
        "codestylegan": {"state_dict": prior, "opts": OPTIONS},
        "fusion": {"state_dict": dict(small_networks.fusion.state_dict()), "opts": OPTIONS},
        "stylegan": {"g_ema": generator, "latent_avg": mean_code, "d": {"final": torch.zeros(1)}},
    }


def written(folder: Path, contents: Contents) -> Checkpoints:
    """The files under their official names."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in contents.items():
        torch.save(content, folder / OFFICIAL_NAMES[kind][0])
    return Checkpoints(**{kind: folder / OFFICIAL_NAMES[kind][0] for kind in contents})


def assert_same(tensors: dict[str, np.ndarray], networks: Grain2022, prefix: str = "") -> None:
    """The tensors are those of the networks whose names begin so, bit by bit."""
    expected = {f"networks.{name}": value for name, value in networks.state_dict().items() if name.startswith(prefix)}
    assert tensors.keys() == expected.keys()
    assert all(np.array_equal(tensors[name], value.numpy()) for name, value in expected.items())


def test_the_official_layout(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    spec, tensors = import_checkpoints(written(tmp_path, contents), small_networks.spec)
    assert spec == small_networks.spec
    assert_same(tensors, small_networks)


def test_the_layout_of_the_last_stage(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    for number, kind in enumerate(("invrrdb", "codestylegan", "fusion"), start=1):
        contents[kind] = {f"state_dict{number}": contents[kind]["state_dict"], "opts": OPTIONS}
    _, tensors = import_checkpoints(written(tmp_path, contents), small_networks.spec)
    assert_same(tensors, small_networks)


def test_names_of_training_on_several_gpus(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    for content in contents.values():
        key = "g_ema" if "g_ema" in content else "state_dict"
        content[key] = {f"module.{name}": value for name, value in content[key].items()}
    _, tensors = import_checkpoints(written(tmp_path, contents), small_networks.spec)
    assert_same(tensors, small_networks)


def test_half_precision_and_a_mean_code_with_a_row(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    contents["stylegan"]["latent_avg"] = contents["stylegan"]["latent_avg"][None]
    state = contents["fusion"]["state_dict"]
    contents["fusion"]["state_dict"] = {name: value.half() for name, value in state.items()}
    _, tensors = import_checkpoints(written(tmp_path, contents), small_networks.spec)
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())
    assert np.array_equal(tensors["networks.prior.latent_avg"], small_networks.prior.latent_avg.numpy())


def test_the_generator_alone(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    files = written(tmp_path, {"stylegan": contents["stylegan"]})
    spec, tensors = import_checkpoints(files, small_networks.spec)
    assert spec.name == "grain-2022-generator"
    del tensors["networks.prior.latent_avg"]
    assert_same(tensors, small_networks, "prior.decoder.")


def test_the_rescaling_module_alone(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    _, tensors = import_checkpoints(written(tmp_path, {"invrrdb": contents["invrrdb"]}), small_networks.spec)
    assert_same(tensors, small_networks, "rescaling.")


def test_without_its_own_file_the_generator_is_the_prior_s(
    tmp_path: Path, contents: Contents, small_networks: Grain2022
):
    contents["codestylegan"]["latent_avg"] = contents.pop("stylegan")["latent_avg"]
    _, tensors = import_checkpoints(written(tmp_path, contents), small_networks.spec)
    generator = small_networks.prior.decoder.state_dict()
    for name in ("conv1.conv.weight", "noises.noise_0"):
        assert np.array_equal(tensors[f"networks.prior.decoder.{name}"], generator[name].numpy() + 1)


def test_a_file_of_our_own_training_states_its_sizes(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    contents["invrrdb"]["opts"] = {"spec": small_networks.spec.to_json()}
    spec, tensors = import_checkpoints(written(tmp_path, contents))
    assert spec == small_networks.spec
    assert_same(tensors, small_networks)


def test_official_sizes_are_the_default(tmp_path: Path, contents: Contents):
    with pytest.raises(WrongModel, match=r"invRRDB_model\.pt: lacks enc\.body\.2\.0\.weight"):
        import_checkpoints(written(tmp_path, contents))


@pytest.mark.parametrize(
    ("kind", "name", "value", "text"),
    [
        ("invrrdb", "dec.conv_first.weight", None, "lacks dec.conv_first.weight"),
        ("invrrdb", "dec.extra", torch.zeros(1), "unknown dec.extra"),
        ("invrrdb", "enc.conv_first.bias", torch.zeros(9), r"enc.conv_first.bias is \[9\], not \[8\]"),
        ("codestylegan", "encoder.styles.0.linear1.bias", None, "lacks styles.0.linear1.bias"),
        ("codestylegan", "other.weight", torch.zeros(1), "unknown other.weight"),
        ("fusion", "se4.fc1.weight", torch.zeros(1), "wrong shape: se4.fc1.weight"),
    ],
)
def test_a_tensor_that_is_wrong_is_named(
    tmp_path: Path, contents: Contents, small_networks: Grain2022, kind: str, name: str, value: Tensor | None, text: str
):
    state = contents[kind]["state_dict"]
    state.pop(name, None)
    if value is not None:
        state[name] = value
    with pytest.raises(WrongModel, match=f"{OFFICIAL_NAMES[kind][0]}.*{text}"):
        import_checkpoints(written(tmp_path, contents), small_networks.spec)


def test_wrong_tensors_of_the_generator_are_named(tmp_path: Path, contents: Contents, small_networks: Grain2022):
    noise = contents["stylegan"]["g_ema"].pop("noises.noise_3")
    with pytest.raises(WrongModel, match=r"stylegan2-ffhq-config-f\.pt: lacks noises\.noise_3"):
        import_checkpoints(written(tmp_path, contents), small_networks.spec)
    contents["stylegan"]["g_ema"]["noises.noise_3"] = noise
    mean_code = contents["stylegan"].pop("latent_avg")
    with pytest.raises(WrongModel, match="lacks latent_avg"):
        import_checkpoints(written(tmp_path, contents), small_networks.spec)
    contents["stylegan"]["latent_avg"] = mean_code[:-1]
    with pytest.raises(WrongModel, match="latent_avg is"):
        import_checkpoints(written(tmp_path, contents), small_networks.spec)


@pytest.mark.parametrize("kinds", [("fusion",), ("codestylegan",), ("invrrdb", "fusion"), ("invrrdb", "stylegan")])
def test_sets_that_make_no_model_are_refused(
    tmp_path: Path, contents: Contents, small_networks: Grain2022, kinds: tuple[str, ...]
):
    files = written(tmp_path, {kind: contents[kind] for kind in kinds})
    with pytest.raises(WrongModel, match="is missing"):
        import_checkpoints(files, small_networks.spec)


class Danger:
    """Something that a pickle could run."""

    def __reduce__(self) -> tuple:
        return print, ("this must not be printed",)


@pytest.mark.parametrize("content", [b"", b"\x80\x02N.", pickle.dumps(Danger(), 2), b"PK\x03\x04 no archive"])
def test_foreign_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes):
    path = tmp_path / "invRRDB_model.pt"
    path.write_bytes(content)
    with pytest.raises(WrongModel, match="invRRDB_model.pt"):
        import_checkpoints(Checkpoints(invrrdb=path))
    assert not capsys.readouterr().out


def test_nothing_in_a_file_is_run(tmp_path: Path, contents: Contents, capsys: pytest.CaptureFixture[str]):
    contents["invrrdb"]["opts"] = Danger()
    with pytest.raises(WrongModel, match="invRRDB_model.pt"):
        import_checkpoints(written(tmp_path, contents))
    assert "must not" not in capsys.readouterr().out


def test_official_names_are_found_in_a_folder_and_in_the_one_below(tmp_path: Path, contents: Contents):
    files = written(tmp_path / "pretrained_models", contents)
    assert find_checkpoints(tmp_path) == find_checkpoints(tmp_path / "pretrained_models") == files


def test_names_of_the_last_stage_are_found(tmp_path: Path):
    (tmp_path / "best_Fusion_model.pt").touch()
    assert find_checkpoints(tmp_path) == Checkpoints(fusion=tmp_path / "best_Fusion_model.pt")


def test_a_folder_without_any_is_refused(tmp_path: Path):
    with pytest.raises(WrongModel, match="invRRDB_model.pt, codeStyleGAN_model.pt"):
        find_checkpoints(tmp_path)
