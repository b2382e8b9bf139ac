"""A pretrained generator of faces, whose upper half the prior takes over and whose lower half teaches it.

MobileStyleGAN (Belousov 2021): a mapping network, and modulated separable convolutions between inverse Haar transforms.
The file names its tensors as that program does: `mapping.N.weight`, `synthesis.layers.N.conv1.conv.weight_dw`, and so
on, with the mean code as `w_mean`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.drawing.generator import Generator, StyledLayer
from grain_codec.models.tensor_files import read_tensors
from grain_codec.ops.haar import inverse_haar
from grain_codec.ops.modulated_convolution import LEAKY_SLOPE

MAPPING_LAYERS = 8
LEAST_TRUNCATION = 0.6
"""Codes are drawn in towards the mean code by random factors from this to 1: faces get more ordinary, and cleaner."""


class DrawnFaces(NamedTuple):
    """Faces that the generator has drawn."""

    pictures: Tensor  # `[B, 3, S, S]` in [0, 1].
    features: Tensor  # Feature maps that the upper half starts from, `[B, C, S / 16, S / 16]`.
    codes: Tensor  # `[B, W]`.


class FaceGenerator:
    """The generator's tensors, and the faces that they draw."""

    def __init__(self, path: Path, upper_levels: int):
        """Reads a generator whose last `upper_levels` levels are the upper half.

        Raises:
            WrongModel: the file cannot be read, or is of no such generator.
        """
        self.path = path
        self.tensors = {name: tensor.float() for name, tensor in read_tensors(path).items()}
        self.levels = sum(name.endswith(".up.modulation.weight") for name in self.tensors)
        self.lower_levels = self.levels - upper_levels
        if self.lower_levels < 1 or "w_mean" not in self.tensors:
            raise WrongModel(f"{path}: no pretrained generator of faces")

    @torch.no_grad()
    def draw(self, upper: Generator, count: int, random: torch.Generator) -> DrawnFaces:
        """Draws random faces; `upper` is the upper half as `load_upper_half` leaves it."""
        try:
            codes = self._random_codes(count, random)
            features = self._lower_half(codes)
        except KeyError as error:
            raise WrongModel(f"{self.path}: {error.args[0]} is missing") from error
        pictures, _ = upper(features, codes, torch.zeros(count, 2, dtype=torch.int64))
        return DrawnFaces(pictures.float().clamp(0, 1), features.float(), codes)

    @torch.no_grad()
    def load_upper_half(self, upper: Generator) -> None:
        """Puts the upper half's tensors in place, scaled to what the layers here expect, for pictures in [0, 1].

        Raises:
            WrongModel: something is missing, or has another size.
        """
        try:
            for index, level in enumerate(range(self.lower_levels, self.levels)):
                self._load_scaling(upper.scalings[index], f"layers.{level}.up", 1.0)
                for layer, name in zip(upper.layers[2 * index : 2 * index + 2], ("conv1", "conv2")):
                    assert isinstance(layer, StyledLayer)
                    self._load_layer(layer, f"layers.{level}.{name}")
            name = f"layers.{self.levels - 1}.to_img"
            self._load_scaling(upper.last_scaling, f"{name}.conv", upper.leave.in_channels**-0.5)
            # From [-1, 1] to [0, 1]; a constant picture is twice as large in the Haar transform's low band.
            upper.leave.weight.copy_(self._of(f"{name}.conv.weight") / 2)
            offset = torch.cat([torch.ones(3), torch.zeros(9)])
            upper.leave.load_state_dict(
                {"weight": upper.leave.weight, "bias": self._of(f"{name}.bias").flatten() / 2 + offset}
            )
        except KeyError as error:
            raise WrongModel(f"{self.path}: {error.args[0]} is missing") from error
        except RuntimeError as error:
            raise WrongModel(f"{self.path}: not of this model's sizes: {str(error).splitlines()[0]}") from error

    def _load_layer(self, layer: StyledLayer, name: str) -> None:
        depthwise = self._of(f"{name}.conv.weight_dw")
        self._load_scaling(layer.style, f"{name}.conv", 1.0)
        layer.depthwise.copy_(depthwise / (9 * len(depthwise)) ** 0.5)
        layer.pointwise.copy_(self._of(f"{name}.conv.weight_pw"))
        layer.bias.copy_(self._of(f"{name}.bias").flatten())
        layer.noise.copy_(self._of(f"{name}.noise"))

    def _load_scaling(self, layer: torch.nn.Module, name: str, factor: float) -> None:
        assert isinstance(layer, torch.nn.Linear)
        layer.weight.copy_(factor * self._of(f"{name}.modulation.weight"))
        layer.bias.copy_(factor * self._of(f"{name}.modulation.bias"))

    def _random_codes(self, count: int, random: torch.Generator) -> Tensor:
        mean = self.tensors["w_mean"]
        x = torch.randn(count, mean.shape[-1], generator=random)
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        for layer in range(MAPPING_LAYERS):
            weight, bias = (self.tensors[f"mapping.{layer}.{kind}"] for kind in ("weight", "bias"))
            x = F.leaky_relu(F.linear(x, weight, bias), LEAKY_SLOPE) * 2**0.5
        truncation = LEAST_TRUNCATION + (1 - LEAST_TRUNCATION) * torch.rand(count, 1, generator=random)
        codes: Tensor = mean + truncation * (x - mean)
        return codes

    def _lower_half(self, codes: Tensor) -> Tensor:
        """Codes `[B, W]` -> the feature maps that the upper half starts from."""
        start = self._of("input.input").expand(len(codes), -1, -1, -1)
        weight = self._of("conv1.conv.weight")
        x = F.conv2d(start * self._style("conv1.conv", codes) / (weight[0].numel()) ** 0.5, weight, padding=1)
        x = self._activated("conv1", x)
        for level in range(self.lower_levels):
            x = inverse_haar(x * self._style(f"layers.{level}.up", codes))
            for name in (f"layers.{level}.conv1", f"layers.{level}.conv2"):
                weight = self._of(f"{name}.conv.weight_dw")
                x = x * self._style(f"{name}.conv", codes) / (9 * len(weight)) ** 0.5
                x = F.conv2d(x, weight, padding=1, groups=len(weight))
                x = self._activated(name, F.conv2d(x, self._of(f"{name}.conv.weight_pw")))
        return x

    def _activated(self, name: str, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self._of(f"{name}.noise") + self._of(f"{name}.bias"), LEAKY_SLOPE)

    def _style(self, name: str, codes: Tensor) -> Tensor:
        weight, bias = (self._of(f"{name}.modulation.{kind}") for kind in ("weight", "bias"))
        return F.linear(codes, weight, bias)[:, :, None, None]

    def _of(self, name: str) -> Tensor:
        return self.tensors[f"synthesis.{name}"]
