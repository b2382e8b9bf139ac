"""Dots that a picture has and the face has not.

Networks that are trained against a perceptual distance also learn to strew dots over hair and skin, where the
face has strands and pores elsewhere. A dot is a place at which the brightness curves the same way in every
direction; along a strand, an edge or a fold it curves in one direction only, and nothing is counted.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 3
"""Side in pixels of the square in which a dot of the face may lie to excuse one of the picture."""


def stray_specks(picture: Tensor, face: Tensor) -> Tensor:
    """How much stronger the dots of a picture are than the strongest that the face has nearby.

    Args:
        picture, face: `[B, 3, S, S]`, nominally in [-1, 1].

    Returns:
        `[B]`, means over all pixels, in the units of brightness.
    """
    allowed = F.max_pool2d(_speck_strength(face), REACH, 1, REACH // 2)
    return (_speck_strength(picture) - allowed).relu().mean((1, 2, 3))


def _speck_strength(image: Tensor) -> Tensor:
    """The smaller curvature where both principal ones have the same sign, else 0: `[B, 3, S, S]` -> `[B, 1, S-2, S-2]`.

    The principal curvatures are the eigenvalues of the Hessian, here from differences of 3 x 3 pixels.
    """
    brightness = image.float().mean(1, keepdim=True)
    smooth = torch.tensor([0.25, 0.5, 0.25], device=image.device)
    slope = torch.tensor([-0.5, 0.0, 0.5], device=image.device)
    bend = torch.tensor([1.0, -2.0, 1.0], device=image.device)
    kernels = torch.stack([torch.outer(smooth, bend), torch.outer(bend, smooth), torch.outer(slope, slope)])
    across, down, mixed = F.conv2d(brightness, kernels[:, None]).split(1, 1)
    # The small number keeps the square root's gradient finite where the picture is flat.
    spread = ((across - down).square() / 4 + mixed.square() + 1e-12).sqrt()
    return ((across + down).abs() / 2 - spread).relu()
