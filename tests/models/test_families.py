"""The whole of a model of either family: which modules there are, and what they draw."""

from __future__ import annotations

import pytest
import torch

from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.grain2022.networks import Grain2022, to_samples
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.registry import family_of
from grain_codec.models.spec import MODULES_FOR, Spec


@pytest.fixture(scope="module")
def samples() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0)).float()


def build_networks(spec: Spec, modules: tuple[str, ...] = MODULES_FOR["fused"]) -> ReciprocalNetworks:
    return family_of(spec).build_networks(spec, modules)


def test_each_spec_has_its_networks():
    with torch.device("meta"):
        assert isinstance(build_networks(Face1024Spec()), Face1024)
        assert isinstance(build_networks(Grain2022Spec()), Grain2022)
        assert list(build_networks(Grain2022Spec(), ("rescaling",))) == ["rescaling"]


def test_building_for_shapes_alone_takes_no_memory():
    for spec in (Face1024Spec(), Grain2022Spec()):
        with torch.device("meta"):
            assert all(tensor.is_meta for tensor in build_networks(spec).state_dict().values())


def test_a_generator_of_three_scales_has_ten_codes(small_networks: Grain2022, samples: torch.Tensor):
    _, features = small_networks.rescaling.dec(samples / 127.5 - 1)
    assert [tuple(each.shape[1:]) for each in features] == [(8, 16, 16), (8, 32, 32), (8, 64, 64)]
    assert small_networks.prior.encoder(features).shape == (2, 10, 16)


def test_drawing_stays_in_range_and_keeps_faces_apart(small_networks: Grain2022, samples: torch.Tensor):
    for output in small_networks.outputs:
        drawn = small_networks.draw(samples, output)
        assert drawn.shape == (2, 3, 64, 64) and drawn.min() >= 0 and drawn.max() <= 1
        torch.testing.assert_close(small_networks.draw(samples[1:], output), drawn[1:], rtol=1e-4, atol=1e-4)


def test_the_three_official_quirks_are_optional(small_networks: Grain2022):
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plain = [small_networks(image) for _ in range(2)]
    quirky = [small_networks(image, official_quirks=True) for _ in range(2)]
    assert torch.equal(plain[0].fused, plain[1].fused)
    for name in ("rescaled", "prior", "fused"):
        assert not torch.equal(getattr(quirky[0], name), getattr(quirky[1], name))
    picture = torch.tensor([-1.2, -1.0, 0.0, 0.999, 1.0, 1.7])
    assert to_samples(picture).tolist() == [0, 0, 128, 255, 255, 255]
    assert to_samples(picture, official_quirks=True).tolist() == [0, 0, 127, 254, 255, 255]
