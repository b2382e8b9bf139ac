"""The upper half of a style-based face generator, from a feature map of the face to the picture.

Its layers are modulated separable convolutions between inverse Haar transforms (Belousov 2021, "MobileStyleGAN"; Karras
et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"). A generator that was trained on faces has learned
in these layers how skin, hair and eyes look, whatever face they belong to.

The layers add noise, of which they make texture. Every face sees the stored noise shifted by another distance, because
marks at the same pixels of all faces would be seen.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from grain_codec.models.blocks import store_channels_last
from grain_codec.ops.haar import inverse_haar
from grain_codec.ops.modulated_convolution import separable_modulated_convolution

HALO = 1
"""Rows of its map that a band of the last level reads beyond its own, for both of the level's 3x3 convolutions."""


class StyledLayer(nn.Module):
    """A modulated separable convolution with stored noise, bias and leaky ReLU."""

    noise: Tensor

    def __init__(self, channels_in: int, channels_out: int, code_width: int, size: int, scale: int):
        """`size` is the side of the layer's whole map, and `scale` that over the side of the generator's first map."""
        super().__init__()
        self.scale = scale
        self.style = nn.Linear(code_width, channels_in)
        nn.init.uniform_(self.style.weight, *_bounds(0.1 / code_width**0.5))
        nn.init.ones_(self.style.bias)
        self.depthwise = nn.Parameter(torch.empty(channels_in, 1, 3, 3).uniform_(*_bounds(0.1)))
        with torch.no_grad():
            self.depthwise[:, :, 1, 1] += 1
        gain = (2 / channels_in) ** 0.5
        self.pointwise = nn.Parameter(torch.empty(channels_out, channels_in, 1, 1).uniform_(*_bounds(gain)))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.register_buffer("noise", torch.zeros(1, 1, size, size))

    def forward(self, x: Tensor, code: Tensor, noise: Tensor) -> Tensor:
        """`[N, I, T, T]`, codes `[N, W]` and noise `[N, 1, T, T]` -> `[N, O, T, T]`."""
        noise = noise.to(x.dtype)
        return separable_modulated_convolution(x, self.style(code), self.depthwise, self.pointwise, self.bias, noise)

    def noise_from(self, corners: Tensor, side: int) -> Tensor:
        """Squares of the noise, which goes on from its first row after its last, `[N, 1, side, side]`."""
        size = self.noise.shape[-1]
        steps = torch.arange(side, device=corners.device)
        rows, columns = ((corners[:, axis, None] * self.scale + steps) % size for axis in (0, 1))
        return self.noise[0, 0][rows[:, :, None], columns[:, None, :]][:, None]


class Generator(nn.Module):
    """Feature maps and style codes -> pictures; the file's docstring describes it.

    Attributes:
        bands: in how many bands of rows the last level is drawn, one after the other. More of them change nothing but
            the memory that its maps take, by far the most of all.
    """

    bands = 1

    def __init__(self, widths: tuple[int, ...], code_width: int, map_size: int):
        """`widths` are the channels of the feature map at `map_size` pixels and at each doubling after it."""
        super().__init__()
        self.scalings, self.layers = nn.ModuleList(), nn.ModuleList()
        for level, (below, above) in enumerate(pairwise(widths)):
            scale = 2 << level
            self.scalings.append(_scaling(code_width, below))
            self.layers.append(StyledLayer(below // 4, above, code_width, scale * map_size, scale))
            self.layers.append(StyledLayer(above, above, code_width, scale * map_size, scale))
        self.last_scaling = _scaling(code_width, widths[-1])
        self.leave = nn.Conv2d(widths[-1], 12, 1)
        store_channels_last(self)

    def forward(self, x: Tensor, code: Tensor, noise_corners: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Draws windows of faces, or whole faces.

        Args:
            x: `[N, C, T, T]`, the windows of the feature maps.
            code: `[N, W]`.
            noise_corners: row and column in the noise, in pixels of the feature map, where each window's noise begins,
                int64 `[N, 2]`.

        Returns:
            `[N, 3, P, P]`, about [0, 1] and not clamped, P = T << number of levels + 1, and the feature maps of each
            level.
        """
        features: list[Tensor] = []
        last = len(self.scalings) - 1
        for level in range(last):
            x = self._level(level, x, code, self._noises(level, noise_corners, 2 * x.shape[-1]))
            features.append(x)
        noises = self._noises(last, noise_corners, 2 * x.shape[-1])
        ends = [x.shape[-2] * band // self.bands for band in range(self.bands + 1)]
        bands = [self._band(x, code, noises, first, end) for first, end in pairwise(ends)]
        picture, finest = (parts[0] if len(parts) == 1 else torch.cat(parts, 2) for parts in zip(*bands))
        return picture, [*features, finest]

    def _noises(self, level: int, corners: Tensor, side: int) -> list[Tensor]:
        """The noise of both layers of a level, each `[N, 1, side, side]`."""
        layers = (cast(StyledLayer, self.layers[2 * level + layer]) for layer in (0, 1))
        return [layer.noise_from(corners, side) for layer in layers]

    def _level(self, level: int, x: Tensor, code: Tensor, noises: Sequence[Tensor]) -> Tensor:
        """A level's feature map `[N, O, 2 H, 2 W]` from that of the level below, `[N, C, H, W]`."""
        x = inverse_haar(x * self.scalings[level](code)[:, :, None, None])
        for layer, noise in enumerate(noises):
            x = self.layers[2 * level + layer](x, code, noise)
        return x

    def _band(self, x: Tensor, code: Tensor, noises: Sequence[Tensor], first: int, end: int) -> tuple[Tensor, Tensor]:
        """What the rows `first` to `end` of `x` become: rows of the picture, and of the last level's map."""
        rows = x.shape[-2]
        # All bands read equally many rows: a runtime then draws each in the memory of the one before.
        read = min(-(-rows // self.bands) + 2 * HALO, rows)
        top = min(max(first - HALO, 0), rows - read)
        parts = [noise[:, :, 2 * top : 2 * (top + read)] for noise in noises]
        x = self._level(len(self.scalings) - 1, x[:, :, top : top + read], code, parts)
        drawn = inverse_haar(self.leave(x * self.last_scaling(code)[:, :, None, None]))
        above, below = first - top, end - top
        return drawn[:, :, 4 * above : 4 * below], x[:, :, 2 * above : 2 * below]


def _scaling(code_width: int, channels: int) -> nn.Linear:
    """The layer that computes a factor for each channel from a code; untrained, all factors are about 1."""
    layer = nn.Linear(code_width, channels)
    nn.init.uniform_(layer.weight, *_bounds(0.1 / code_width**0.5))
    nn.init.ones_(layer.bias)
    return layer


def _bounds(deviation: float) -> tuple[float, float]:
    """Bounds of the uniform density that has a standard deviation.

    To draw from a normal density on the meta device, torch would import its compiler, which takes seconds.
    """
    return -deviation * 3**0.5, deviation * 3**0.5
