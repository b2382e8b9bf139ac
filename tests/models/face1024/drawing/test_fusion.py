"""The fusion: it starts as nothing, and whatever it draws agrees with the decoded view."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grain_codec.models.face1024.drawing.fusion import Fusion, agreeing_with

SQUARE = 2  # Of the views of 64 px, averaged to 32 px.

SHIFT = torch.tensor([[3, 5], [0, 31]])  # Where the noise of the two faces begins.


def test_an_untrained_fusion_only_makes_the_priors_picture_agree_with_the_view(prior, small_drawing, view, step):
    picture, maps = prior(*prior.predict(view, step), SHIFT)
    fused = Fusion(small_drawing, 64)(view, picture, maps)
    torch.testing.assert_close(fused, agreeing_with(view, picture, SQUARE))
    assert not torch.allclose(fused, picture, atol=1e-3)


def test_what_is_drawn_averages_to_the_view(prior, fusion, view, step):
    """To within a 255th in the mean, from a picture that is far off."""
    picture, maps = prior(*prior.predict(view, step), SHIFT)
    fused = fusion(view, picture, maps)
    before = (F.avg_pool2d(view, SQUARE) - F.avg_pool2d(picture, 8)).abs().mean()
    after = (F.avg_pool2d(view, SQUARE) - F.avg_pool2d(fused, 8)).abs().mean()
    assert before > 20 / 255 and after < before / 10


@pytest.mark.parametrize("offset", [0.02, 0.1])
def test_a_colour_cast_is_taken_out_and_detail_stays(view, offset: float):
    detail = F.interpolate(view, scale_factor=4.0, mode="bicubic", align_corners=False)
    agreed = agreeing_with(view, detail, SQUARE)
    torch.testing.assert_close(agreeing_with(view, detail + offset, SQUARE), agreed, atol=2e-3, rtol=0)


def test_the_correction_depends_on_the_view_and_on_the_priors_features(prior, fusion, view, step):
    picture, maps = prior(*prior.predict(view, step), SHIFT)
    plain = fusion(view, picture, maps)
    changed = [maps[0], maps[1] + 1]
    assert not torch.allclose(plain, fusion(view, picture, changed), atol=1e-3)
    with torch.no_grad():
        fusion.enter.weight[:, -3:] = 0
    assert not torch.allclose(plain, fusion(view, picture, maps), atol=1e-3)
