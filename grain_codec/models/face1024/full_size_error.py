"""The error of the full-size picture, computed on the decoded view, which is 64 times smaller."""

import torch
import torch.nn.functional as F
from torch import Tensor


class FullSizeError:
    """Squared error between an image and views of it that are enlarged as `Rescaling.forward` does, but not clamped.

    Enlarging is linear, view V -> A V A' with a matrix A `[S, side of V]`. So the error is a quadratic form of the
    difference between V and the view that is best of all, plus the error that even that one has. Clamping the enlarged
    view to the range of the image can only make the error smaller.
    """

    def __init__(self, image: Tensor, view_size: int):
        """Takes the image `[1, 3, S, S]` in [0, 1]."""
        unit = torch.eye(view_size, device=image.device)[None, None]
        enlarge = F.interpolate(unit, (image.shape[-1], view_size), mode="bicubic", align_corners=False)[0, 0]
        self._weights = enlarge.T @ enlarge
        inverse = torch.linalg.inv(self._weights.double())
        projected = (enlarge.T @ image @ enlarge).double()
        best = inverse @ projected @ inverse
        self._least = image.double().square().sum() - (best * projected).sum()
        self._best = best.float()

    def __call__(self, views: Tensor) -> Tensor:
        """The errors `[B]` of views `[B, 3, V, V]`, summed over all samples."""
        difference = views.float() - self._best
        beyond = (difference * (self._weights @ difference @ self._weights)).flatten(1).sum(1)
        errors: Tensor = beyond + self._least.float()
        return errors
