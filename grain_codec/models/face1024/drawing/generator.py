"""The upper half of a style-based face generator, from a feature map of the face to the picture.

Its layers are modulated separable convolutions between inverse Haar transforms (Belousov 2021, "MobileStyleGAN"; Karras
et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"). A generator that was trained on faces has learned
in these layers how skin, hair and eyes look, whatever face they belong to.

The layers add noise, of which they make texture. Every face sees the stored noise shifted by another distance, because
marks at the same pixels of all faces would be seen.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from grain_codec.models.blocks import store_channels_last
from grain_codec.ops.haar import inverse_haar
from grain_codec.ops.modulated_convolution import separable_modulated_convolution


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

    def forward(self, x: Tensor, code: Tensor, noise_corners: Tensor) -> Tensor:
        """`[N, I, T, T]`, codes `[N, W]` and corners in the noise, int64 `[N, 2]` -> `[N, O, T, T]`."""
        noise = self._noise_from(noise_corners, x.shape[-1]).to(x.dtype)
        return separable_modulated_convolution(x, self.style(code), self.depthwise, self.pointwise, self.bias, noise)

    def _noise_from(self, corners: Tensor, side: int) -> Tensor:
        """Squares of the noise, which goes on from its first row after its last, `[N, 1, side, side]`."""
        size = self.noise.shape[-1]
        steps = torch.arange(side, device=corners.device)
        rows, columns = ((corners[:, axis, None] * self.scale + steps) % size for axis in (0, 1))
        return self.noise[0, 0][rows[:, :, None], columns[:, None, :]][:, None]


class Generator(nn.Module):
    """Feature maps and style codes -> pictures; the file's docstring describes it."""

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
        features = []
        for level, scaling in enumerate(self.scalings):
            x = inverse_haar(x * scaling(code)[:, :, None, None])
            x = self.layers[2 * level](x, code, noise_corners)
            x = self.layers[2 * level + 1](x, code, noise_corners)
            features.append(x)
        return inverse_haar(self.leave(x * self.last_scaling(code)[:, :, None, None])), features


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
