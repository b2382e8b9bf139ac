"""The scale-specific generative prior module of face-1024, which draws a natural face from the decoded view.

The module folds the decoded view to 16x16 and computes a feature map and one style code from it. A style-modulated
generator enlarges the map by inverse Haar transforms; its layers are modulated separable convolutions (Belousov 2021,
"MobileStyleGAN"; Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"). The module adds what it
draws to the interpolated view. The fusion module reads the generator's features at each scale.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import ResidualBlock, store_channels_last, zero_convolution
from grain_codec.models.face1024.spec import DrawingSpec
from grain_codec.ops.haar import inverse_haar
from grain_codec.ops.modulated_convolution import separable_modulated_convolution


class StyledLayer(nn.Module):
    """A modulated separable convolution with stored noise, bias and leaky ReLU."""

    noise: Tensor

    def __init__(self, channels_in: int, channels_out: int, code_width: int, size: int):
        super().__init__()
        self.style = nn.Linear(code_width, channels_in)
        nn.init.uniform_(self.style.weight, *_bounds(0.1 / code_width**0.5))
        nn.init.ones_(self.style.bias)
        self.depthwise = nn.Parameter(torch.empty(channels_in, 1, 3, 3).uniform_(*_bounds(0.1)))
        with torch.no_grad():
            self.depthwise[:, :, 1, 1] += 1
        gain = (2 / channels_in) ** 0.5
        self.pointwise = nn.Parameter(torch.empty(channels_out, channels_in, 1, 1).uniform_(*_bounds(gain)))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.empty(1, 1, size, size).uniform_(*_bounds(1.0)))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """`[B, I, S, S]` and codes `[B, W]` -> `[B, O, S, S]`."""
        noise = self.noise * self.strength
        return separable_modulated_convolution(x, self.style(code), self.depthwise, self.pointwise, self.bias, noise)


def _bounds(deviation: float) -> tuple[float, float]:
    """Bounds of the uniform density that has a standard deviation.

    To draw from a normal density on the meta device, torch would import its compiler, which takes seconds.
    """
    return -deviation * 3**0.5, deviation * 3**0.5


class Prior(nn.Module):
    """The scale-specific generative prior module; the file's docstring describes it."""

    def __init__(self, drawing: DrawingSpec, view_size: int):
        super().__init__()
        self.drawing, self.fold = drawing, view_size // GRID
        width = drawing.prior_widths[0]
        self.position = nn.Parameter(torch.zeros(drawing.position_channels, GRID, GRID))
        self.enter = nn.Conv2d(3 * self.fold**2 + 1 + drawing.position_channels, width, 1)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(drawing.prior_blocks)])
        self.to_code = nn.Sequential(
            nn.Linear(width, drawing.code_width), nn.LeakyReLU(0.2), nn.Linear(drawing.code_width, drawing.code_width)
        )
        self.layers = nn.ModuleList()
        for level, (below, above) in enumerate(zip(drawing.prior_widths, drawing.prior_widths[1:])):
            size = GRID << (level + 1)
            self.layers.append(StyledLayer(below // 4, above, drawing.code_width, size))
            self.layers.append(StyledLayer(above, above, drawing.code_width, size))
        self.leave = zero_convolution(drawing.prior_widths[-1], 12)
        store_channels_last(self)

    def forward(self, view: Tensor, step: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Draws `prior`, `[B, 3, D, D]` with D the drawn size, about [0, 1] and not clamped.

        It takes decoded views `[B, 3, V, V]` in [0, 1] and quantiser steps `[B]`, and also returns the features `[B, C,
        S, S]` at S = 32, 64, ... D / 2.
        """
        quality = (step.log2() / 2).view(-1, 1, 1, 1).expand(-1, 1, GRID, GRID)
        position = self.position.expand(view.shape[0], -1, -1, -1)
        x = self.blocks(self.enter(torch.cat([F.pixel_unshuffle(view - 0.5, self.fold), quality, position], 1)))
        code = self.to_code(x.mean((2, 3)))
        features = []
        for first, second in zip(self.layers[::2], self.layers[1::2]):
            x = second(first(inverse_haar(x), code), code)
            features.append(x)
        return self.picture(view, x), features

    def picture(self, view: Tensor, finest: Tensor) -> Tensor:
        """`prior` from the view and the features of the finest scale; shapes as in `forward`."""
        size = self.drawing.size
        known = F.interpolate(view, (size, size), mode="bicubic", align_corners=False)
        return known + inverse_haar(self.leave(finest))
