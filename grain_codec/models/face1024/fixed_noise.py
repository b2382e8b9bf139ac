"""Noise that no file stores, because every decoder computes the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def fixed_noise(channels: int, size: int) -> Tensor:
    """Uniform noise of mean 0 and variance 1, `[1, channels, size, size]`, equal on all machines and in all versions.

    numpy promises that `RandomState` never changes its stream.
    """
    levels = np.random.RandomState(size).randint(0, 256, (1, channels, size, size), np.int64)
    return torch.from_numpy((levels - 127.5) * np.float64(12 / (256**2 - 1)) ** 0.5).float()
