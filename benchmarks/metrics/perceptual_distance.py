"""LPIPS as a metric: the distance of `grain_codec.training.judges.perceptual`, with weights that the user has."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grain_codec.codec import Pixels
from grain_codec.errors import WrongModel
from grain_codec.training.judges.perceptual import PerceptualDistance, ShiftTolerantDistance, load_perceptual

SIDE = 256  # Side in pixels at which pictures are compared; the networks were trained on pictures of about this size.

MOST_BYTES = 1 << 30


def read_perceptual_distance(paths: Sequence[Path]) -> tuple[PerceptualDistance, str]:
    """LPIPS with the weights in one file or two, and its name with the first bytes of their SHA-256.

    Raises:
        WrongModel: they are no such weights; the text names the files. See `load_perceptual` for the layouts.
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        if path.stat().st_size > MOST_BYTES:
            raise WrongModel(f"{path}: too large for LPIPS weights")
        digest.update(path.read_bytes())
    network = load_perceptual(paths)
    _check(network, paths)
    kind = "shift-tolerant LPIPS" if isinstance(network, ShiftTolerantDistance) else "LPIPS"
    return network, f"{kind}, AlexNet, {SIDE} px, weights {digest.hexdigest()[:6]}"


def as_input(pixels: Pixels) -> Tensor:
    """uint8 `[H, W, 3]` as `[1, 3, H, W]` in [-1, 1]."""
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)) / 127.5 - 1


def _check(network: PerceptualDistance, paths: Sequence[Path]) -> None:
    """Runs the network once, so that wrong shapes show at once."""
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64))
    except RuntimeError as error:
        names = ", ".join(map(str, paths))
        raise WrongModel(f"{names}: no AlexNet with LPIPS heads: {str(error).splitlines()[0]}") from error
