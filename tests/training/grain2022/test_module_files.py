"""The files between stages: our own and those in the official layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.rescaling import InvRRDB
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.training.grain2022.training import load_prior
from grain_codec.training.state_files import load_module, write_module


def prior_of(spec: Grain2022Spec, seed: int) -> GenerativePrior:
    torch.manual_seed(seed)
    prior = GenerativePrior(spec, keeps_mean_code=True)
    prior.latent_avg.normal_()
    return prior


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_a_module_comes_back(tiny_spec: Grain2022Spec, tmp_path: Path):
    one, other = InvRRDB(tiny_spec), InvRRDB(tiny_spec)
    write_module(tmp_path / "module.pt", one, tiny_spec.to_json())
    load_module(other, tmp_path / "module.pt")
    assert equal(one, other)


@pytest.mark.parametrize("key", ["state_dict", "state_dict1", "state_dict2", "state_dict3"])
def test_official_layouts_are_read(tiny_spec: Grain2022Spec, tmp_path: Path, key: str):
    """The last stage of the official program numbers the keys."""
    one, other = InvRRDB(tiny_spec), InvRRDB(tiny_spec)
    torch.save({key: one.state_dict(), "opts": {"lr": 1e-4}}, tmp_path / "invRRDB_model.pt")
    load_module(other, tmp_path / "invRRDB_model.pt")
    assert equal(one, other)


def test_the_prior_comes_back_with_its_generator_and_mean_code(tiny_spec: Grain2022Spec, tmp_path: Path):
    one, other = prior_of(tiny_spec, 1), prior_of(tiny_spec, 2)
    write_module(tmp_path / "prior.pt", one, tiny_spec.to_json())
    load_prior(other, tmp_path / "prior.pt", None)
    assert equal(one, other)
    content = torch.load(tmp_path / "prior.pt", weights_only=True)
    assert "latent_avg" not in content["state_dict"] and content["latent_avg"].shape == (16,)


def test_an_official_prior_needs_the_generators_file(tiny_spec: Grain2022Spec, tmp_path: Path):
    """There the generator's own file counts, whatever generator the prior's file holds."""
    one, pretrained, other = (prior_of(tiny_spec, seed) for seed in (1, 2, 3))
    state = {name: value for name, value in one.state_dict().items() if name != "latent_avg"}
    torch.save({"state_dict": state, "opts": {}}, tmp_path / "prior.pt")
    generator = {"g_ema": pretrained.decoder.state_dict(), "latent_avg": pretrained.latent_avg}
    torch.save(generator, tmp_path / "generator.pt")
    with pytest.raises(WrongModel, match="latent_avg"):
        load_prior(other, tmp_path / "prior.pt", None)
    load_prior(other, tmp_path / "prior.pt", tmp_path / "generator.pt")
    assert equal(one.encoder, other.encoder) and equal(pretrained.decoder, other.decoder)
    assert torch.equal(pretrained.latent_avg, other.latent_avg)


def test_a_generator_may_lack_what_is_not_learnt(tiny_spec: Grain2022Spec, tmp_path: Path):
    one, other = prior_of(tiny_spec, 1), prior_of(tiny_spec, 2)
    state = {name: value for name, value in one.decoder.state_dict().items() if "noises." not in name}
    torch.save({"g_ema": state, "latent_avg": one.latent_avg}, tmp_path / "generator.pt")
    load_prior(other, None, tmp_path / "generator.pt")
    assert torch.equal(other.decoder.conv1.conv.weight, one.decoder.conv1.conv.weight)
    del state["conv1.conv.weight"]
    torch.save({"g_ema": state, "latent_avg": one.latent_avg}, tmp_path / "generator.pt")
    with pytest.raises(WrongModel, match=r"conv1\.conv\.weight"):
        load_prior(other, None, tmp_path / "generator.pt")


def test_another_modules_file_is_named(tiny_spec: Grain2022Spec, tmp_path: Path):
    write_module(tmp_path / "prior.pt", prior_of(tiny_spec, 1), tiny_spec.to_json())
    with pytest.raises(WrongModel, match=r"prior\.pt"):
        load_module(InvRRDB(tiny_spec), tmp_path / "prior.pt")
