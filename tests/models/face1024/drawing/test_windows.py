"""Windows: away from their edges they are what whole faces have in the same place."""

from __future__ import annotations

import pytest
import torch

from grain_codec.models.face1024.drawing.windows import Windows, cut

WINDOWS = Windows(faces=(1, 0, 1), rows=(8, 0, 12), columns=(4, 16, 16), side=16, map_size=32)

SHIFT = torch.tensor([[3, 5], [0, 31]])  # Where the noise of the two faces begins.


def test_maps_of_every_scale_are_cut_at_the_same_places():
    maps = torch.arange(2 * 64 * 64).view(2, 1, 64, 64)
    found = WINDOWS.cut(maps)
    assert found.shape == (3, 1, 32, 32)
    assert torch.equal(found[0], maps[1, :, 16:48, 8:40]) and torch.equal(found[1], maps[0, :, :32, 32:])
    assert WINDOWS.corners.tolist() == [[8, 4], [0, 16], [12, 16]]
    assert cut(maps, None) is maps


@pytest.mark.parametrize("number", range(3))
def test_a_window_is_drawn_as_the_whole_face_is(prior, fusion, view, step, number: int):
    """But for a margin of 2 pixels of the feature map, which lacks its surroundings."""
    features, code = prior.predict(view, step)
    picture, maps = prior(features, code, SHIFT)
    whole = fusion(view, picture, maps)
    picture, maps = prior(features, code, SHIFT, WINDOWS)
    drawn = fusion(view, picture, maps, WINDOWS)
    inner = slice(4 * 8, -4 * 8)
    expected = WINDOWS.cut(whole)[number, :, inner, inner]
    torch.testing.assert_close(drawn[number, :, inner, inner], expected, atol=0.02, rtol=0)
