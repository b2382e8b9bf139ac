"""The linear start: on Gaussian faces with structure it already is a codec."""

from __future__ import annotations

import pytest
import torch

from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.face1024.closed_form import fit_closed_form

SPEC = Face1024Spec(view_size=64, thumbnail_components=60, detail_components=12, predictor_width=8, enhancement_width=8)


def made_faces(count: int, seed: int) -> torch.Tensor:
    """Pictures that share a mean and vary smoothly, as faces do: uint8 `[N, 3, 64, 64]`."""
    generator = torch.Generator().manual_seed(seed)
    coarse = antialiased_resize(torch.randn(count, 3, 8, 8, generator=generator), 64)
    fine = antialiased_resize(torch.randn(count, 1, 32, 32, generator=generator), 64)
    return ((0.5 + 0.2 * coarse + 0.05 * fine).clamp(0, 1) * 255).round().byte()


@pytest.fixture(scope="module")
def fitted() -> Rescaling:
    torch.manual_seed(0)
    module = Rescaling(SPEC)
    fit_closed_form(module, made_faces(300, 1))
    return module.requires_grad_(False)


def distance(module: Rescaling, step: float) -> float:
    """PSNR of the view on faces that the fit has not seen."""
    views = made_faces(16, 2).float() / 255
    found = module.analyse(antialiased_resize(views, 16).clamp(0, 1), views, torch.full((16,), step))
    return float(-10 * (found.view - views).square().mean().log10())


def test_it_beats_the_enlarged_thumbnail(fitted: Rescaling):
    views = made_faces(16, 2).float() / 255
    enlarged = antialiased_resize(antialiased_resize(views, 16), 64)
    thumbnail_alone = float(-10 * (enlarged - views).square().mean().log10())
    assert distance(fitted, 0.1) > thumbnail_alone + 3


def test_finer_steps_are_nearer(fitted: Rescaling):
    assert distance(fitted, 0.05) > distance(fitted, 0.2) > distance(fitted, 0.8)


def test_bases_are_orthonormal(fitted: Rescaling):
    product = fitted.analysis_basis[37].T @ fitted.analysis_basis[37]
    torch.testing.assert_close(product, torch.eye(12), atol=1e-4, rtol=0)


def test_neighbours_help(fitted: Rescaling):
    """Without what neighbours tell, the levels of the last pass are larger."""
    views = made_faces(16, 2).float() / 255
    thumbnail, step = antialiased_resize(views, 16).clamp(0, 1), torch.full((16,), 0.1)
    with_neighbours = fitted.analyse(thumbnail, views, step).detail_values[:, fitted.pass2].abs().mean()
    kept = fitted.neighbour_prediction.clone()
    fitted.neighbour_prediction.zero_()
    without = fitted.analyse(thumbnail, views, step).detail_values[:, fitted.pass2].abs().mean()
    fitted.neighbour_prediction.copy_(kept)
    assert with_neighbours < without
