"""Every network has the keys and shapes of the published files, and the sizes of picture that go with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from grain_codec.models.grain2022.fusion import Fusion
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.rescaling import InvRRDB
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.grain2022.stylegan2 import StyleGAN2Discriminator
from grain_codec.training.grain2022.patch_discriminator import PatchDiscriminator
from grain_codec.training.judges.identity_network import IRSE50

PUBLISHED = json.loads(Path(__file__).with_name("state_dicts.json").read_text(encoding="utf-8"))
"""Shape by key of each published file."""

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "invRRDB": partial(InvRRDB, Grain2022Spec()),
    "codeStyleGAN": partial(GenerativePrior, Grain2022Spec()),
    "Fusion": partial(Fusion, Grain2022Spec()),
    "invRRDB_patch_discriminator": PatchDiscriminator,
    "stylegan2_discriminator": StyleGAN2Discriminator,
    "ir_se50": IRSE50,
}


def test_every_published_file_has_its_network() -> None:
    assert PUBLISHED.keys() == NETWORKS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = NETWORKS[name]()
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == PUBLISHED[name]


def test_pictures_have_their_sizes() -> None:
    with torch.device("meta"):
        grain, image = Grain2022(Grain2022Spec()), torch.empty(2, 3, 1024, 1024)
        lr = grain.quantise(grain.encode(image))
        decoded = grain.decode(lr)
    assert lr.shape == (2, 3, 16, 16)
    assert [picture.shape for picture in decoded] == [image.shape] * 3


def test_feature_maps_have_their_sizes() -> None:
    with torch.device("meta"):
        features = InvRRDB(Grain2022Spec())(torch.empty(1, 3, 1024, 1024))[2]
        prior, generated = GenerativePrior(Grain2022Spec())(features)
    assert [tuple(features.shape) for features in features] == [(1, 64, 16 << scale, 16 << scale) for scale in range(7)]
    assert [tuple(features.shape[1:]) for features in generated] == [(128, 256, 256), (64, 512, 512), (32, 1024, 1024)]
    assert prior.shape == (1, 3, 1024, 1024)


def test_discriminators_and_embedding_have_their_sizes() -> None:
    with torch.device("meta"):
        assert PatchDiscriminator()(torch.empty(2, 3, 256, 256)).shape == (2, 1, 16, 16)
        assert StyleGAN2Discriminator()(torch.empty(8, 3, 1024, 1024)).shape == (8, 1)
        assert IRSE50()(torch.empty(2, 3, 112, 112)).shape == (2, 512)


def test_the_mean_code_is_no_part_of_the_state_dict() -> None:
    with torch.device("meta"):
        prior = GenerativePrior(Grain2022Spec())
    assert prior.latent_avg.shape == (512,)
    assert "latent_avg" not in prior.state_dict()


def test_the_whole_has_what_the_three_files_have_and_the_mean_code():
    with torch.device("meta"):
        found = {key: list(tensor.shape) for key, tensor in Grain2022(Grain2022Spec()).state_dict().items()}
    files = {"rescaling": "invRRDB", "prior": "codeStyleGAN", "fusion": "Fusion"}
    published = {f"{module}.{key}": shape for module, name in files.items() for key, shape in PUBLISHED[name].items()}
    assert found == {**published, "prior.latent_avg": [512]}
