"""Small drawing modules with weights of no meaning."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from grain_codec.models.face1024.drawing.fusion import Fusion
from grain_codec.models.face1024.drawing.prior import Prior
from grain_codec.models.face1024.spec import DrawingSpec

VIEW_SIZE = 64
SMALL = DrawingSpec(
    code_width=8, position_channels=2, predictor_widths=(8, 8, 8), predictor_blocks=(1, 1, 1),
    generator_widths=(16, 16, 8), fusion_width=8, fusion_blocks=1,
)  # fmt: skip


@pytest.fixture
def small_drawing() -> DrawingSpec:
    """Sizes of drawing modules that read views of 64 px and draw 256 px."""
    return SMALL


@pytest.fixture
def view() -> torch.Tensor:
    return torch.rand(2, 3, VIEW_SIZE, VIEW_SIZE, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def step() -> torch.Tensor:
    return torch.tensor([0.5, 0.25])


@pytest.fixture
def prior() -> Prior:
    torch.manual_seed(0)
    prior = Prior(SMALL, VIEW_SIZE)
    for layer in prior.generator.layers:
        layer.noise.normal_(std=0.3)
    nn.init.normal_(prior.predictor.position)
    return prior


@pytest.fixture
def fusion() -> Fusion:
    """A fusion that corrects something."""
    torch.manual_seed(1)
    fusion = Fusion(SMALL, VIEW_SIZE)
    nn.init.normal_(fusion.leave.weight, std=0.1)
    return fusion
