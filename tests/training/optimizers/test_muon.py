"""Muon: what it does with kernels, and that it is Adam for everything else."""

from __future__ import annotations

import torch

from grain_codec.training.optimizers.muon import Muon, orthogonal


def test_momentum_becomes_nearly_orthogonal():
    matrix = torch.randn(24, 60, generator=torch.Generator().manual_seed(0))
    for each in (matrix, matrix.T):
        singular = torch.linalg.svdvals(orthogonal(each))
        assert singular.min() > 0.6 and singular.max() < 1.3


def test_other_parameters_move_as_with_adam():
    places = []
    for make in (torch.optim.Adam, Muon):
        generator = torch.Generator().manual_seed(1)
        parameter = torch.nn.Parameter(torch.ones(3, 5))
        optimizer = make([{"params": [parameter]}], lr=0.01, betas=(0.9, 0.99))
        for _ in range(8):
            parameter.grad = torch.randn(3, 5, generator=generator)
            optimizer.step()
        places.append(parameter.detach())
    torch.testing.assert_close(*places)


def test_a_kernel_moves_by_about_as_much_as_with_adam():
    kernel = torch.nn.Parameter(torch.zeros(16, 16, 3, 3))
    kernel.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(2))
    Muon([{"params": [kernel]}], lr=0.01).step()
    assert 0.1 < kernel.detach().square().mean().sqrt() / 0.01 < 0.3
