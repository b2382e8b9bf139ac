"""Cells, rounding with a gradient, and networks that start as corrections of nothing."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from grain_codec.models.blocks import (
    ResidualNetwork,
    antialiased_resize,
    cells_to_image,
    cells_to_map,
    image_to_cells,
    map_to_cells,
    per_cell,
    round_with_dead_zone,
)


def test_cells_are_squares_of_the_image_in_raster_order():
    image = torch.arange(3 * 32 * 32.0).reshape(1, 3, 32, 32)
    cells = image_to_cells(image)
    assert cells.shape == (1, 256, 12)
    assert torch.equal(cells[0, 17], image[0, :, 2:4, 2:4].flatten())
    assert torch.equal(cells_to_image(cells), image)


def test_cells_and_maps_hold_the_same():
    cells = torch.randn(2, 256, 5)
    features = cells_to_map(cells)
    assert torch.equal(features[:, :, 3, 7], cells[:, 3 * 16 + 7])
    assert torch.equal(map_to_cells(features), cells)


def test_every_cell_has_its_own_matrix():
    cells, matrices = torch.randn(2, 256, 5), torch.randn(256, 5, 3)
    torch.testing.assert_close(per_cell(cells, matrices)[1, 200], cells[1, 200] @ matrices[200])


def test_rounding_has_a_dead_zone_and_the_gradient_of_the_identity():
    values = torch.tensor([-1.7, -0.6, 0.5, 0.65, 1.5], requires_grad=True)
    levels = round_with_dead_zone(values, 0.36)
    assert levels.tolist() == [-2, 0, 0, 1, 1]
    levels.sum().backward()
    assert values.grad.tolist() == [1, 1, 1, 1, 1]


def test_a_fresh_network_corrects_nothing_and_can_learn():
    network = ResidualNetwork(4, 8, 2, 3)
    out = network(torch.randn(1, 4, 16, 16))
    assert out.shape == (1, 3, 16, 16) and not out.any()
    (out - 1).square().sum().backward()
    assert network.leave.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("before", "after"), [(1024, 16), (1024, 128), (128, 16), (200, 1024)])
def test_resizing_is_that_of_both_axes_at_once_to_the_bit(before: int, after: int):
    """Files are made of its last bits."""
    image = torch.rand(1, 3, before, before)
    together = F.interpolate(image, (after, after), mode="bicubic", antialias=True, align_corners=False)
    assert torch.equal(antialiased_resize(image, after), together)


def test_each_pass_of_the_largest_shrinking_fits_a_gpu(monkeypatch: pytest.MonkeyPatch):
    """torch refuses more than 48 KB for a warp's taps of both axes and a row (UpSampleBilinear2d.cu)."""
    needed, resize = [], F.interpolate

    def watched(image: torch.Tensor, size: tuple[int, int], **options: object) -> torch.Tensor:
        rows, columns = (1 + 2 * math.ceil(2 * max(1, a / b)) for a, b in zip(image.shape[-2:], size))
        needed.append(4 * (32 * columns + 33 * rows))
        return resize(image, size, **options)

    monkeypatch.setattr(F, "interpolate", watched)
    antialiased_resize(torch.rand(1, 3, 1024, 1024), 16)
    assert needed and max(needed) <= 48 * 1024
