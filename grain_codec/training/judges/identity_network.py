"""IR-SE50, the face recogniser whose embeddings the identity loss compares.

A residual network of improved residual units with squeeze and excitation, as it was trained with the
additive angular margin (Deng et al. 2019, "ArcFace", section 3.1).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.models.grain2022.layers import SqueezeExcitation

STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and units of each stage; the first unit of a stage halves height and width."""

EMBEDDING = 512
INPUT_SIZE = 112
DROPPED = 0.6

ALIGNED_SIZE = 256
FACE_ROWS = slice(35, 223)
FACE_COLUMNS = slice(32, 220)  # The crop of an aligned face of ALIGNED_SIZE on which the recogniser was trained.


def face_crop(image: Tensor) -> Tensor:
    """Aligned faces `[B, 3, S, S]` in [-1, 1] -> `[B, 3, 112, 112]`, framed for `IRSE50`."""
    aligned = F.interpolate(image, (ALIGNED_SIZE, ALIGNED_SIZE), mode="bilinear", align_corners=False)
    return F.adaptive_avg_pool2d(aligned[..., FACE_ROWS, FACE_COLUMNS], INPUT_SIZE)


class ResidualUnit(nn.Module):
    """`[B, C, H, W]` -> `[B, D, H / stride, W / stride]`: a shortcut plus two convolutions with attention."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        if channels_in == channels:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            projection = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(projection, nn.BatchNorm2d(channels))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, padding=1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            SqueezeExcitation(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        added: Tensor = self.shortcut_layer(x) + self.res_layer(x)
        return added


class IRSE50(nn.Module):
    """Face -> embedding of unit length; the cosine of two embeddings says how alike the persons are.

    It is used in evaluation mode; in training mode it would drop features and normalise by the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        width = STAGES[0][0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, padding=1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
        )
        units: list[nn.Module] = []
        for channels, count in STAGES:
            units.append(ResidualUnit(width, channels, 2))
            units += [ResidualUnit(channels, channels, 1) for _ in range(count - 1)]
            width = channels
        self.body = nn.Sequential(*units)
        side = INPUT_SIZE >> len(STAGES)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(DROPPED),
            nn.Flatten(),
            nn.Linear(width * side * side, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING),
        )

    def forward(self, face: Tensor) -> Tensor:
        """`[B, 3, 112, 112]`, RGB in [-1, 1], from `face_crop` -> `[B, 512]` of unit length."""
        return F.normalize(self.output_layer(self.body(self.input_layer(face))))
