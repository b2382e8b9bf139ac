"""Squeeze and excitation: every channel is weighted by what the whole picture says of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """x * sigmoid(fc2(relu(fc1(mean of x)))), without biases (Hu et al. 2018, equations 2 to 4).

    `[B, C, H, W]` -> `[B, C, H, W]`.
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        squeezed = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.fc2 = nn.Conv2d(squeezed, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(squeezed))))
