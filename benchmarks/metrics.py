"""Distances between two pictures."""

from __future__ import annotations

import math

import numpy as np


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures of equal shape, over all their samples.

    10 log10(255^2 / mean squared error); infinite for equal pictures.
    """
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
