"""The rescaling module: what the encoder sees is what the decoder draws, within the budget."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from grain_codec.models.face1024.rescaling import Rescaling, decoding_passes
from grain_codec.models.face1024.spec import Face1024Spec

MAC = 2
"""Floating-point operations of a multiplication and an addition."""


@pytest.fixture(scope="module")
def rescaling() -> Rescaling:
    """A module with random weights everywhere, so that no part of it is a correction of nothing."""
    torch.manual_seed(0)
    module = Rescaling(Face1024Spec())
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    module.thumbnail_basis.copy_(torch.randint(-1000, 1000, module.thumbnail_basis.shape))
    return module.eval().requires_grad_(False)


def test_the_passes_take_every_cell_once():
    cells = torch.cat(decoding_passes())
    assert cells.sort().values.tolist() == list(range(256))


def test_a_cell_of_the_last_pass_has_decoded_neighbours_on_all_sides():
    last = decoding_passes()[2].tolist()
    assert not {cell + step for cell in last if 0 < cell % 16 < 15 for step in (-16, -1, 1, 16)} & set(last)


def test_the_encoder_sees_the_view_that_the_decoder_draws(rescaling: Rescaling):
    step = torch.tensor([0.3, 1.1])
    found = rescaling.analyse(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 128, 128), step)
    assert torch.equal(found.detail_levels, found.detail_levels.round())
    view = rescaling.synthesise(found.thumbnail_levels, found.detail_levels, step)
    torch.testing.assert_close(view, found.view)


def test_levels_chosen_on_the_way_are_those_decoded_and_see_what_is_left_over(rescaling: Rescaling):
    thumbnail, view, step = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 128, 128), torch.tensor([0.3, 1.1])
    found = rescaling.analyse(thumbnail, view, step)

    def choose(cells: torch.Tensor, left_over: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(left_over, found.detail_values[:, cells], rtol=1e-3, atol=1e-3)
        return found.detail_levels[:, cells]

    decoded = rescaling.decode_choosing(found.thumbnail_levels, view, step, choose)
    torch.testing.assert_close(decoded, found.view)


def test_the_energy_of_a_level_is_what_it_adds_to_the_view():
    """In a module whose networks add nothing and whose neighbours predict nothing."""
    module = Rescaling(Face1024Spec()).requires_grad_(False)
    for basis in (module.thumbnail_prediction, module.synthesis_basis):
        torch.nn.init.normal_(basis, std=0.03)
    module.thumbnail_basis.copy_(torch.randint(-1000, 1000, module.thumbnail_basis.shape))
    thumbnail, details = module.level_energies()
    levels = torch.zeros(3, 448), torch.zeros(3, 256, 40)
    levels[0][1, 5], levels[1][2, 17, 3] = 1, 1
    rest, *moved = module.synthesise(*levels, torch.ones(3))
    energies = torch.stack([(view - rest).square().sum() for view in moved])
    torch.testing.assert_close(energies, torch.stack([thumbnail[5], details[17, 3]]), rtol=1e-3, atol=0)


def test_every_kind_of_level_moves_the_picture(rescaling: Rescaling):
    thumbnail, details = torch.zeros(1, 448), torch.zeros(1, 256, 40)
    step = torch.tensor([0.5])
    rest = rescaling.synthesise(thumbnail, details, step)
    assert not torch.equal(rescaling.synthesise(thumbnail + 1, details, step), rest)
    for group in decoding_passes():
        moved = details.index_fill(1, group, 1.0)
        assert not torch.equal(rescaling.synthesise(thumbnail, moved, step), rest)


def test_the_picture_is_full_size_and_in_range(rescaling: Rescaling):
    image = rescaling(torch.rand(1, 3, 128, 128) * 3 - 1)
    assert image.shape == (1, 3, 1024, 1024)
    assert image.min() >= 0 and image.max() <= 1


def test_training_reaches_every_parameter():
    torch.manual_seed(0)
    module = Rescaling(Face1024Spec())
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    found = module.analyse(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 128, 128), torch.tensor([0.4]))
    (found.view.square().sum() + found.detail_values.abs().sum()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in module.parameters())


def test_half_precision_training_leaves_the_thumbnail_exact(rescaling: Rescaling):
    thumbnail, view, step = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 128, 128), torch.tensor([0.3, 1.1])
    full = rescaling.analyse(thumbnail, view, step)
    with torch.autocast("cpu", torch.bfloat16):
        half = rescaling.analyse(thumbnail, view, step)
    assert torch.equal(half.thumbnail_levels, full.thumbnail_levels)
    assert (half.view - full.view).abs().mean() < 0.05


def test_cost_is_within_the_budget(rescaling: Rescaling):
    """At most 6 GMAC to encode a face and 12 to decode it."""
    image = torch.rand(1, 3, 1024, 1024)
    with FlopCounterMode(display=False) as encoding:
        found = rescaling.analyse(*rescaling.views(image), torch.tensor([0.5]))
    with FlopCounterMode(display=False) as decoding:
        rescaling(rescaling.synthesise(found.thumbnail_levels, found.detail_levels, torch.tensor([0.5])))
    assert 0.1e9 < encoding.get_total_flops() / MAC <= 6e9
    assert 0.1e9 < decoding.get_total_flops() / MAC <= 12e9
