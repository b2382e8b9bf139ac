"""The prior: what it reads, what bounds its predictions, and that each face is drawn by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grain_codec.models.face1024.drawing.prior import MOST_CODE_DEVIATIONS, MOST_FEATURE_DEVIATIONS, Prior


def drawn(prior: Prior, view: Tensor, step: Tensor) -> Tensor:
    picture, _ = prior(*prior.predict(view, step), torch.zeros(len(view), 2, dtype=torch.int64))
    return picture


def test_it_draws_a_picture_of_four_times_the_views_side_and_maps_of_each_level(prior: Prior, view, step):
    picture, maps = prior(*prior.predict(view, step), torch.zeros(2, 2, dtype=torch.int64))
    assert picture.shape == (2, 3, 256, 256)
    assert [tuple(each.shape) for each in maps] == [(2, 16, 64, 64), (2, 8, 128, 128)]


def test_drawing_is_deterministic_and_each_face_is_drawn_by_itself(prior: Prior, view, step):
    together = drawn(prior, view, step)
    assert torch.equal(together, drawn(prior, view, step))
    torch.testing.assert_close(together[1:], drawn(prior, view[1:], step[1:]), atol=1e-5, rtol=1e-5)


def test_the_picture_depends_on_view_quality_place_and_noise(prior: Prior, view, step):
    plain = drawn(prior, view, step)
    assert not torch.allclose(plain, drawn(prior, 1 - view, step), atol=1e-4)
    assert not torch.allclose(plain, drawn(prior, view, step / 4), atol=1e-6)
    prior.generator.layers[0].noise.zero_()
    without_noise = drawn(prior, view, step)
    assert not torch.allclose(plain, without_noise, atol=1e-4)
    nn.init.zeros_(prior.predictor.position)
    assert not torch.allclose(without_noise, drawn(prior, view, step), atol=1e-6)


def test_noise_begins_where_it_is_told_to_and_goes_on_after_its_end(prior: Prior):
    layer = prior.generator.layers[2]
    noise = layer.noise_from(torch.tensor([[0, 0], [3, 30]]), layer.noise.shape[-1])
    assert torch.equal(noise[:1], layer.noise)
    assert torch.equal(noise[1:], layer.noise.roll((-3 * 4, -30 * 4), (2, 3)))


def test_in_bands_the_picture_and_the_maps_are_the_same(prior: Prior, view, step):
    shift = torch.tensor([[0, 0], [5, 11]])
    picture, maps = prior(*prior.predict(view, step), shift)
    prior.generator.bands = 3  # Which does not divide the rows.
    in_bands, maps_in_bands = prior(*prior.predict(view, step), shift)
    for whole, joined in zip([picture, *maps], [in_bands, *maps_in_bands], strict=True):
        torch.testing.assert_close(joined, whole, atol=1e-5, rtol=1e-5)


def test_predictions_stay_near_what_the_generator_uses_whatever_the_network_says(prior: Prior, view, step):
    prior.feature_mean.fill_(5.0)
    prior.feature_deviation.fill_(2.0)
    prior.code_mean.fill_(-1.0)
    with torch.no_grad():
        prior.predictor.leave.weight.mul_(1e4)
        prior.predictor.to_code[2].weight.mul_(1e4)
    features, code = prior.predict(view, step)
    assert 0.99 < ((features - 5) / 2).abs().max() / MOST_FEATURE_DEVIATIONS <= 1
    assert 0.99 < (code + 1).abs().max() / MOST_CODE_DEVIATIONS <= 1
