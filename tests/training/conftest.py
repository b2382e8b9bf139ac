"""A model of the published kind that is small enough to train in a test, and faces for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec


@pytest.fixture(scope="session")
def tiny_spec(small_networks: Grain2022) -> Grain2022Spec:
    """64 px and narrow."""
    return small_networks.spec


@pytest.fixture(scope="session")
def ovals() -> Tensor:
    """Two generated heads: an oval of one colour on a ground of another, `[2, 3, 64, 64]` in [-1, 1]."""
    row, column = np.mgrid[0:64, 0:64]
    generator = np.random.default_rng(0)
    faces = []
    for _ in range(2):
        skin, ground = generator.uniform(-0.8, 0.8, 3), generator.uniform(-1, 1, 3)
        across, down = generator.normal(size=2)
        inside = ((column - 32 - 3 * across) / 18) ** 2 + ((row - 32 - 3 * down) / 24) ** 2 < 1
        faces.append(np.where(inside, skin[:, None, None], ground[:, None, None]))
    return torch.from_numpy(np.stack(faces)).float()
