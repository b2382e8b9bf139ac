"""The prior module and its generator from files: our own and official ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.training.grain2022.training import load_prior
from grain_codec.training.state_files import write_module


def prior_of(spec: Grain2022Spec, seed: int) -> GenerativePrior:
    torch.manual_seed(seed)
    prior = GenerativePrior(spec, keeps_mean_code=True)
    prior.latent_avg.normal_()
    return prior


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


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
