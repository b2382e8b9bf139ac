"""The prior and the fusion of face-1024: what they start from, what they depend on, and what they cost."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from grain_codec.models.face1024.fusion import Fusion, fixed_noise, without_repetition
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.prior import Prior
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec

SMALL = DrawingSpec(
    size=128, code_width=8, position_channels=2, prior_widths=(16, 16, 8), prior_blocks=1, fusion_widths=(16, 8),
    fusion_blocks=(1, 1),
)  # fmt: skip
VIEW_SIZE = 64


@pytest.fixture
def view() -> torch.Tensor:
    return torch.rand(2, 3, VIEW_SIZE, VIEW_SIZE, generator=torch.Generator().manual_seed(3))


STEP = torch.tensor([0.5, 0.25])


def test_an_untrained_fusion_gives_the_view_interpolated(view):
    torch.manual_seed(0)
    _, features = Prior(SMALL, VIEW_SIZE)(view, STEP)
    fused = Fusion(SMALL, VIEW_SIZE)(view, STEP, features)
    expected = F.interpolate(view, (128, 128), mode="bicubic", align_corners=False)
    torch.testing.assert_close(fused, expected, atol=1e-5, rtol=0)


def test_the_prior_gives_a_picture_and_features_of_every_scale(view):
    picture, features = Prior(SMALL, VIEW_SIZE)(view, STEP)
    assert picture.shape == (2, 3, 128, 128)
    assert [tuple(each.shape) for each in features] == [(2, 16, 32, 32), (2, 8, 64, 64)]


def test_drawing_is_deterministic_and_each_face_is_drawn_by_itself(view):
    torch.manual_seed(0)
    prior = Prior(SMALL, VIEW_SIZE)
    torch.nn.init.normal_(prior.leave.weight)
    for layer in prior.layers:
        torch.nn.init.ones_(layer.strength)
    together, _ = prior(view, STEP)
    again, _ = prior(view, STEP)
    alone, _ = prior(view[1:], STEP[1:])
    assert torch.equal(together, again)
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)


def test_quality_and_noise_reach_the_picture(view):
    torch.manual_seed(0)
    prior = Prior(SMALL, VIEW_SIZE)
    torch.nn.init.normal_(prior.leave.weight)
    plain, _ = prior(view, STEP)
    assert not torch.allclose(plain, prior(view, STEP / 2)[0])
    torch.nn.init.ones_(prior.layers[0].strength)
    assert not torch.allclose(plain, prior(view, STEP)[0])


def test_the_fusion_has_noise_that_needs_no_storing(view):
    """The first values are those of any machine: numpy's legacy generator never changes its stream."""
    torch.manual_seed(0)
    _, features = Prior(SMALL, VIEW_SIZE)(view, STEP)
    fusion = Fusion(SMALL, VIEW_SIZE)
    assert not any("noise" in name for name in fusion.state_dict())
    torch.nn.init.normal_(fusion.leave.weight)
    drawn = fusion(view, STEP, features)
    for size in (32, 64):
        assert torch.equal(fusion.get_buffer(f"noise_{size}"), fixed_noise(SMALL.noise_channels, size))
        fusion.get_buffer(f"noise_{size}").zero_()
    assert not torch.allclose(drawn, fusion(view, STEP, features))
    noise = fixed_noise(4, 64)
    assert (noise[0, 0, 0, :4] * (65535 / 12) ** 0.5 + 127.5).round().tolist() == [196, 230, 119, 166]
    assert abs(noise.mean()) < 0.02 and abs(noise.var() - 1) < 0.02


def test_what_repeats_in_every_cell_is_taken_out():
    cell = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    repeated = cell.repeat(1, 1, 16, 16)
    torch.testing.assert_close(without_repetition(repeated, 3), torch.zeros(1, 3, 128, 128), atol=1e-6, rtol=0)
    assert torch.equal(without_repetition(repeated, 0), repeated)


def test_what_one_cell_has_alone_stays_but_for_the_share_that_its_neighbours_lose():
    """Nine cells share a mean, six at an edge and four in a corner."""
    added = torch.zeros(1, 1, 128, 128)
    added[0, 0, 8 * 5 + 2, 8 * 7 + 3] = 9.0
    added[0, 0, 0, 0] = 12.0
    left = without_repetition(added, 3)[0, 0]
    assert left[8 * 5 + 2, 8 * 7 + 3] == 8.0 and left[8 * 4 + 2, 8 * 8 + 3] == -1.0
    assert left[0, 0] == 9.0 and left[0, 8] == -2.0 and left[8, 8] == pytest.approx(-12 / 9)
    assert (left != 0).sum() == 9 + 4


@pytest.mark.parametrize("window", [3, 5])
def test_the_fusion_cannot_add_what_every_cell_has(view, window: int):
    """What does not depend on the picture, a bias, is such a thing."""
    _, features = Prior(SMALL, VIEW_SIZE)(view, STEP)
    fusion = Fusion(dataclasses.replace(SMALL, repetition_window=window), VIEW_SIZE)
    torch.nn.init.normal_(fusion.leave.bias)
    faithful = F.interpolate(view, (128, 128), mode="bicubic", align_corners=False)
    torch.testing.assert_close(fusion(view, STEP, features), faithful, atol=1e-5, rtol=0)
    torch.nn.init.normal_(fusion.leave.weight)
    assert not torch.allclose(fusion(view, STEP, features), faithful, atol=0.1)


def test_a_drawn_picture_of_the_whole_model_has_the_models_size(view):
    spec = Face1024Spec(image_size=256, view_size=VIEW_SIZE, drawing=SMALL, predictor_width=8, enhancement_width=8)
    networks = Face1024(spec).eval()
    assert networks.outputs == ("fused", "rescaled", "prior")
    levels = torch.zeros(1, spec.thumbnail_components), torch.zeros(1, 256, spec.detail_components)
    with torch.inference_mode():
        for output in networks.outputs:
            assert networks.draw(*levels, STEP[:1], output).shape == (1, 3, 256, 256)


def test_decoding_fused_costs_less_than_20_billion_multiplications():
    """The budget of a decoder that two CPU cores run in about a second."""
    spec = dataclasses.replace(Face1024Spec(), drawing=DrawingSpec())
    networks = Face1024(spec).eval()
    levels = torch.zeros(1, spec.thumbnail_components), torch.zeros(1, 256, spec.detail_components)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        networks.draw(*levels, torch.tensor([0.5]), "fused")
    assert 1e9 < counter.get_total_flops() / 2 < 20e9
