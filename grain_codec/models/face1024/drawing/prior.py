"""The scale-specific generative prior module of face-1024, which draws a natural face from the decoded view.

A small U-Net reads the decoded view at a half, a quarter and an eighth of its side. It predicts a feature map and a
style code, of which the upper half of a pretrained face generator draws the picture. Both predictions are bounded
around what the generator itself uses: outside of that the generator has learned nothing, and training would diverge.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import ResidualBlock, store_channels_last
from grain_codec.models.face1024.drawing.generator import Generator
from grain_codec.models.face1024.drawing.windows import Windows, cut
from grain_codec.models.face1024.spec import DrawingSpec

MOST_FEATURE_DEVIATIONS = 8.0  # Bound on features, in standard deviations of the generator's own.
MOST_CODE_DEVIATIONS = 3.0  # The same for codes.


class FeaturePredictor(nn.Module):
    """Decoded views -> the generator's feature maps and style codes, before they are scaled and bounded."""

    def __init__(self, drawing: DrawingSpec, view_size: int):
        super().__init__()
        fine, middle, coarse = drawing.predictor_widths
        fine_blocks, middle_blocks, coarse_blocks = drawing.predictor_blocks
        self.map_size = view_size // 2
        self.position = nn.Parameter(torch.zeros(drawing.position_channels, 2 * GRID, 2 * GRID))
        self.enter = nn.Conv2d(12 + 1 + drawing.position_channels, fine, 3, padding=1)
        self.fine, self.middle, self.coarse = (
            _blocks(fine, fine_blocks),
            _blocks(middle, middle_blocks),
            _blocks(coarse, coarse_blocks),
        )
        self.to_middle, self.to_coarse = nn.Conv2d(4 * fine, middle, 1), nn.Conv2d(4 * middle, coarse, 1)
        self.from_coarse, self.from_middle = nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)
        self.middle_again, self.fine_again = _blocks(middle, 1), _blocks(fine, 1)
        self.leave = nn.Conv2d(fine, drawing.generator_widths[0], 1)
        width = drawing.code_width
        self.to_code = nn.Sequential(nn.Linear(coarse, width), nn.LeakyReLU(0.2), nn.Linear(width, width))
        store_channels_last(self)

    def forward(self, view: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, V, V]` in [0, 1] and steps `[B]` -> `[B, C, V / 2, V / 2]` and `[B, W]`."""
        size = (self.map_size, self.map_size)
        quality = (step.log2() / 2).view(-1, 1, 1, 1).expand(-1, 1, *size)
        position = F.interpolate(self.position[None], size, mode="nearest").expand(len(view), -1, -1, -1)
        x = torch.cat([4 * F.pixel_unshuffle(view - 0.5, 2), quality, position], 1)
        fine = self.fine(self.enter(x))
        middle = self.middle(self.to_middle(F.pixel_unshuffle(fine, 2)))
        coarse = self.coarse(self.to_coarse(F.pixel_unshuffle(middle, 2)))
        middle = self.middle_again(middle + _doubled(self.from_coarse(coarse)))
        fine = self.fine_again(fine + _doubled(self.from_middle(middle)))
        return self.leave(F.leaky_relu(fine, 0.2)), self.to_code(F.leaky_relu(coarse, 0.2).mean((2, 3)))


class Prior(nn.Module):
    """The scale-specific generative prior module; the file's docstring describes it."""

    feature_mean: Tensor
    feature_deviation: Tensor
    code_mean: Tensor
    code_deviation: Tensor

    def __init__(self, drawing: DrawingSpec, view_size: int):
        super().__init__()
        self.predictor = FeaturePredictor(drawing, view_size)
        self.generator = Generator(drawing.generator_widths, drawing.code_width, view_size // 2)
        # How the generator's own features and codes are distributed.
        self.register_buffer("feature_mean", torch.zeros(drawing.generator_widths[0]))
        self.register_buffer("feature_deviation", torch.ones(drawing.generator_widths[0]))
        self.register_buffer("code_mean", torch.zeros(drawing.code_width))
        self.register_buffer("code_deviation", torch.ones(drawing.code_width))

    def predict(self, view: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """The generator's feature maps `[B, C, V / 2, V / 2]` and codes `[B, W]`.

        It takes decoded views `[B, 3, V, V]` in [0, 1] and quantiser steps `[B]`.
        """
        features, code = self.predictor(view, step)
        features = _bounded(features, MOST_FEATURE_DEVIATIONS) * self.feature_deviation.view(1, -1, 1, 1)
        code = _bounded(code, MOST_CODE_DEVIATIONS) * self.code_deviation
        return features + self.feature_mean.view(1, -1, 1, 1), code + self.code_mean

    def forward(
        self, features: Tensor, code: Tensor, noise_shift: Tensor, windows: Windows | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Draws `prior` from what `predict` gives, whole or in windows; see `Generator.forward`.

        `noise_shift`, int64 `[B, 2]`, says where in the noise each face begins.
        """
        codes, corners = code, noise_shift
        if windows is not None:
            codes, corners = code[list(windows.faces)], noise_shift[list(windows.faces)] + windows.corners
        drawn: tuple[Tensor, list[Tensor]] = self.generator(cut(features, windows), codes, corners)
        return drawn


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[ResidualBlock(width) for _ in range(count)])


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _bounded(x: Tensor, most: float) -> Tensor:
    """Values within +-`most`, and nearly as they were where they are small against it."""
    return most * torch.tanh(x / most)
