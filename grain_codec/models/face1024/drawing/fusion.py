"""The upscaling priors decoding module of face-1024, which joins the decoded view with the prior's features.

It reads both at twice the view's side, and corrects the prior's picture by what the view knows better. The correction
is interpolated to the size of the picture: one that had pixels of its own would weave a pattern into the skin, and the
view knows nothing so fine. Then the module adds what the picture lacks of the decoded view, averaged over small
squares: what is drawn never contradicts what was sent.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import ResidualBlock, store_channels_last, zero_convolution
from grain_codec.models.face1024.drawing.windows import Windows, cut
from grain_codec.models.face1024.spec import DrawingSpec

READ_LEVEL = 1  # The level of the generator whose features are read; its map has twice the view's side.

AGREEING_SIDE = 2 * GRID  # Averaged to this side, the picture and the view agree.

ROUNDS = 2
"""How often the difference is added: smooth interpolation changes the averages a little, which the next round mends."""


class Fusion(nn.Module):
    """The upscaling priors decoding module; the file's docstring describes it."""

    def __init__(self, drawing: DrawingSpec, view_size: int):
        super().__init__()
        self.view_size = view_size
        width = drawing.fusion_width
        self.enter = nn.Conv2d(drawing.generator_widths[READ_LEVEL + 1] + 3, width, 1)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(drawing.fusion_blocks)])
        self.leave = zero_convolution(width, 3)
        store_channels_last(self)

    def forward(self, view: Tensor, picture: Tensor, features: list[Tensor], windows: Windows | None = None) -> Tensor:
        """`fused`, `[N, 3, P, P]`, about [0, 1] and not clamped.

        Args:
            view: decoded views `[B, 3, V, V]` in [0, 1].
            picture: `[N, 3, P, P]`, drawn by the prior: of whole faces, or of the windows.
            features: the prior's features of each level.
            windows: where the windows lie; None for whole faces.
        """
        view = cut(view, windows)
        known = F.interpolate(view, scale_factor=2.0, mode="bicubic", align_corners=False)
        x = self.blocks(self.enter(torch.cat([features[READ_LEVEL], known - 0.5], 1)))
        correction = self.leave(F.leaky_relu(x, 0.2)).float()
        size = picture.shape[-2:]
        corrected = picture.float() + F.interpolate(correction, size, mode="bicubic", align_corners=False)
        return agreeing_with(view, corrected, self.view_size // AGREEING_SIDE)


def agreeing_with(view: Tensor, picture: Tensor, square: int) -> Tensor:
    """The picture `[N, 3, P, P]`, smoothly changed so that its averages are those of the view `[N, 3, T, T]`.

    `square` is the side, in pixels of the view, of the squares that are averaged over.
    """
    enlargement = square * picture.shape[-1] // view.shape[-1]
    wanted = F.avg_pool2d(view.float(), square)
    for _ in range(ROUNDS):
        lacking = wanted - F.avg_pool2d(picture, enlargement)
        picture = picture + F.interpolate(lacking, scale_factor=float(enlargement), mode="bicubic", align_corners=False)
    return picture
