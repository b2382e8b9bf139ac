"""The adversary of windows: what its discriminator sees, and that it drives out what no real window has."""

from __future__ import annotations

import torch

from grain_codec.training.losses.windows import CONDITION_CHANNELS, WindowAdversary, WindowDiscriminator


def test_the_discriminator_judges_large_and_small_patches_and_gives_its_features():
    torch.manual_seed(0)
    logits, features = WindowDiscriminator()(torch.rand(2, 3 + CONDITION_CHANNELS, 64, 64))
    assert [tuple(each.shape) for each in logits] == [(2, 1, 4, 4), (2, 1, 16, 16)]
    assert [each.shape[-1] for each in features] == [32, 16, 8, 4, 4]


def test_an_adversary_of_windows_learns_to_tell_a_grid_and_drives_it_out():
    torch.manual_seed(0)
    rows = torch.arange(64)
    grid = 0.3 * ((rows[:, None] + rows) % 2 * 2.0 - 1).expand(4, 3, 64, 64)
    real, conditions = 0.1 * torch.randn(4, 3, 64, 64), torch.zeros(4, CONDITION_CHANNELS, 64, 64)
    adversary = WindowAdversary()
    optimizer = torch.optim.Adam(adversary.parameters(), 2e-3)
    beside = torch.cat([real, conditions], 1)
    for _ in range(40):
        loss, figures = adversary(beside, torch.cat([real + grid, conditions], 1))
        assert figures == {}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    strength = torch.tensor(1.0, requires_grad=True)
    adversary.generator_loss(beside, torch.cat([real + strength * grid, conditions], 1)).backward()
    assert strength.grad is not None and strength.grad > 0


def test_feature_matching_pulls_towards_the_very_window():
    torch.manual_seed(0)
    adversary = WindowAdversary().eval()
    one, other = torch.rand(2, 1, 3 + CONDITION_CHANNELS, 64, 64)
    of_itself, of_another = adversary.generator_loss(one, one), adversary.generator_loss(one, other)
    hinge = [-torch.stack([each.mean() for each in adversary.discriminator(x)[0]]).mean() for x in (one, other)]
    torch.testing.assert_close(of_itself, hinge[0], atol=1e-4, rtol=0)
    assert of_another > hinge[1] + 0.01
