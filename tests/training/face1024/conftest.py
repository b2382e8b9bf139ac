"""Small models of face-1024, pictures of no face, and a small pretrained generator."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.face1024.closed_form import fit_closed_form

DRAWING = DrawingSpec(
    code_width=8, position_channels=2, predictor_widths=(8, 8, 8), predictor_blocks=(1, 1, 1),
    generator_widths=(16, 16, 8), fusion_width=8, fusion_blocks=1,
)  # fmt: skip
SPEC = Face1024Spec(
    image_size=256, view_size=64, thumbnail_components=16, detail_components=8, neighbour_components=4,
    predictor_width=8, predictor_blocks=1, enhancement_width=8, enhancement_blocks=1, drawing=DRAWING,
)  # fmt: skip
GENERATOR_CHANNELS = (16, 16, 16, 16, 16, 8)  # At 4, 8, ... 128 px.


@pytest.fixture(scope="session")
def small_spec() -> Face1024Spec:
    """A model that codes views of 64 px and draws 256 px."""
    return SPEC


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Finely striped discs, `[4, 3, 256, 256]` in [-1, 1]: a 64 px view shows the discs, not their stripes."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.linspace(-1, 1, 256)
    distance = (rows[:, None] ** 2 + rows[None] ** 2).sqrt()
    radii = torch.rand(4, 1, 1, 1, generator=generator) * 0.4 + 0.4
    stripes = (torch.arange(256) % 2 * 2.0 - 1).expand(256, 256)
    return (distance < radii) * (0.5 * stripes + 0.3) + torch.zeros(4, 3, 256, 256)


@pytest.fixture
def networks(pictures: Tensor) -> Face1024:
    torch.manual_seed(0)
    networks = Face1024(SPEC)
    views = antialiased_resize((pictures + 1) / 2, 64).clamp(0, 1)
    fit_closed_form(networks.rescaling, (views * 255).byte())
    return networks


@pytest.fixture(scope="session")
def generator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileStyleGAN of 256 px with random weights, under the names of its program."""
    torch.manual_seed(2)
    width = DRAWING.code_width
    tensors = {"w_mean": torch.zeros(width)}
    for layer in range(8):
        tensors |= {
            f"mapping.{layer}.weight": torch.randn(width, width) / width**0.5,
            f"mapping.{layer}.bias": torch.zeros(width),
        }

    def modulation(name: str, channels: int) -> None:
        tensors[f"synthesis.{name}.modulation.weight"] = 0.1 * torch.randn(channels, width)
        tensors[f"synthesis.{name}.modulation.bias"] = torch.ones(channels)

    def layer(name: str, channels_in: int, channels: int, side: int) -> None:
        modulation(f"{name}.conv", channels_in)
        tensors[f"synthesis.{name}.conv.weight_dw"] = torch.randn(channels_in, 1, 3, 3)
        tensors[f"synthesis.{name}.conv.weight_pw"] = torch.randn(channels, channels_in, 1, 1)
        tensors[f"synthesis.{name}.noise"] = 0.1 * torch.randn(1, 1, side, side)
        tensors[f"synthesis.{name}.bias"] = torch.zeros(1, channels, 1, 1)

    first = GENERATOR_CHANNELS[0]
    tensors["synthesis.input.input"] = torch.randn(1, first, 4, 4)
    modulation("conv1.conv", first)
    tensors["synthesis.conv1.conv.weight"] = torch.randn(first, first, 3, 3)
    tensors["synthesis.conv1.noise"] = torch.zeros(1, 1, 4, 4)
    tensors["synthesis.conv1.bias"] = torch.zeros(1, first, 1, 1)
    for level, (below, above) in enumerate(pairwise(GENERATOR_CHANNELS)):
        modulation(f"layers.{level}.up", below)
        layer(f"layers.{level}.conv1", below // 4, above, 8 << level)
        layer(f"layers.{level}.conv2", above, above, 8 << level)
    last = len(GENERATOR_CHANNELS) - 2
    modulation(f"layers.{last}.to_img.conv", GENERATOR_CHANNELS[-1])
    tensors[f"synthesis.layers.{last}.to_img.conv.weight"] = torch.randn(12, GENERATOR_CHANNELS[-1], 1, 1)
    tensors[f"synthesis.layers.{last}.to_img.bias"] = torch.zeros(1, 12, 1, 1)
    path = tmp_path_factory.mktemp("generator") / "generator.pt"
    torch.save(tensors, path)
    return path
