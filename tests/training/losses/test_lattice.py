"""The term against detail at fixed places of every cell: blind to detail as such, keen on any that keeps to a place."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.training.losses.lattice import lattice_strength


@pytest.fixture
def texture() -> Tensor:
    """Noise, strong below and faint above, without any lattice, `[4, 3, 256, 256]`."""
    noise = torch.randn(4, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    return noise * torch.linspace(0.01, 0.2, 256)[:, None]


def marks(kind: str) -> Tensor:
    """Marks near the middles of cells of 16 pixels, in every other cell by chance, each bright or dark by chance."""
    shape = {"dot": [(8, 8)], "hook": [(7, 8), (8, 8), (8, 9)], "stroke": [(8, 6), (8, 7), (8, 8), (8, 9), (8, 10)]}
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randint(-1, 2, (4, 1, 16, 16), generator=generator).float()
    cell = torch.zeros(16, 16)
    for row, column in shape[kind]:
        cell[row, column] = 1.0
    return F.interpolate(drawn, scale_factor=16) * cell.repeat(16, 16)


def test_texture_without_a_lattice_has_next_to_none_however_strong_it_is(texture: Tensor):
    assert lattice_strength(texture).item() < 0.02
    assert lattice_strength(3 * texture).item() < 0.02
    assert lattice_strength(torch.zeros(1, 3, 256, 256)).item() == 0


@pytest.mark.parametrize("kind", ["dot", "hook", "stroke"])
def test_marks_at_the_same_place_of_many_cells_count_whatever_their_shape(texture: Tensor, kind: str):
    marked = texture + 0.2 * marks(kind)
    assert lattice_strength(marked).item() > 5 * lattice_strength(texture).item()


def test_the_same_marks_anywhere_in_their_cells_hardly_count(texture: Tensor):
    generator = torch.Generator().manual_seed(4)
    kept, moved = marks("dot"), torch.zeros(4, 1, 256, 256)
    for picture, _, row, column in kept.nonzero().tolist():
        down, right = torch.randint(-8, 8, (2,), generator=generator).tolist()
        moved[picture, 0, row + down, column + right] = kept[picture, 0, row, column]
    plain, as_kept, as_moved = (lattice_strength(texture + 0.2 * each).item() for each in (0 * kept, kept, moved))
    assert as_moved - plain < (as_kept - plain) / 5


def test_marks_count_on_faint_texture_and_in_colour(texture: Tensor):
    faint = 0.2 * texture
    coloured = 0.04 * marks("dot") * torch.tensor([1.0, -1.0, 0.0])[:, None, None]
    assert lattice_strength(faint + coloured).item() > 3 * lattice_strength(faint).item()


def test_blurred_marks_count_and_the_gradient_takes_them_away(texture: Tensor):
    blurred = F.avg_pool2d(marks("dot"), 3, 1, 1).expand(-1, 3, -1, -1)
    picture = (texture + 0.5 * blurred).requires_grad_()
    strength = lattice_strength(picture)
    assert strength.item() > 2 * lattice_strength(texture).item()
    strength.backward()
    assert (picture.grad * blurred).sum() > 0


@pytest.mark.parametrize("side", [64, 512, 1024])
def test_cells_are_those_of_the_pictures_size(side: int):
    """A sixteenth of the side, that is."""
    cell, generator = side // 16, torch.Generator().manual_seed(5)
    plain = 0.1 * torch.randn(2, 3, side, side, generator=generator)
    middle = torch.zeros(cell, cell)
    middle[cell // 2 :, cell // 2 :][: side // 256 + 1, : side // 256 + 1] = 0.3
    dots = middle.repeat(16, 16)
    chance = lattice_strength(plain).item()
    assert chance < 0.02
    assert lattice_strength(plain + dots).item() > 2 * chance
