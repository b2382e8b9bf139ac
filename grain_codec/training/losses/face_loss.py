"""The loss that the stages share."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.perceptual import load_perceptual
from grain_codec.training.losses.adversarial import Adversary
from grain_codec.training.losses.lattice import lattice_strength
from grain_codec.training.losses.spectrum import WINDOW, excess_power
from grain_codec.training.losses.windows import DistanceOnWindows
from grain_codec.training.settings import LossSettings, LossWeights, UnusableSettings


class FaceLoss(nn.Module):
    """The weighted sum of all terms; see `LossWeights`."""

    def __init__(
        self,
        weights: LossWeights,
        perceptual: nn.Module | None = None,
        identity: nn.Module | None = None,
        spectrum_windows: tuple[int, ...] = (WINDOW,),
    ):
        """A term of weight zero needs no network that judges.

        Args:
            weights: of the terms; the LR image's term is left out where its weight is None.
            perceptual, identity: distances, (`[B, 3, S, S]`, `[B, 3, S, S]`) in [-1, 1] -> `[B]`.
            spectrum_windows: sides of the windows of the spectral term, in pixels; their mean is taken.
        """
        super().__init__()
        assert perceptual is not None or not weights.perceptual
        assert identity is not None or not weights.identity
        self.weights, self.perceptual, self.identity = weights, perceptual, identity
        self.spectrum_windows = spectrum_windows

    def forward(
        self, picture: Tensor, face: Tensor, lr: Tensor | None = None, adversary: Adversary | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of some pictures and its terms.

        Args:
            picture: `[B, 3, S, S]`, nominally in [-1, 1].
            face: `[B, 3, S, S]` in [-1, 1], what the picture should be.
            lr: the quantised LR image `[B, 3, 16, 16]` in [-1, 1], where the stage trains an encoder of it.
            adversary: what the picture should deceive.

        Returns:
            A scalar, and the terms without their weights, by name.
        """
        terms = {"square": F.mse_loss(picture.float(), face)}
        if self.weights.lr and lr is not None:
            terms["lr"] = F.mse_loss(lr.float(), _sampled(face))
        if self.perceptual is not None and self.weights.perceptual:
            terms["perceptual"] = self.perceptual(picture, face).mean()
        if self.identity is not None and self.weights.identity:
            terms["identity"] = self.identity(picture, face).mean()
        if self.weights.spectrum:
            excess = [excess_power(picture, face, window).mean() for window in self.spectrum_windows]
            terms["spectrum"] = cast(Tensor, sum(excess)) / len(excess)
        if self.weights.lattice:
            terms["lattice"] = lattice_strength(picture)
        if self.weights.adversarial and adversary is not None:
            terms["adversarial"] = adversary.generator_loss(face, picture)
        loss = cast(Tensor, sum(getattr(self.weights, name) * term for name, term in terms.items()))
        return loss, {name: term.detach() for name, term in terms.items()}


def build_loss(settings: LossSettings, weights: LossWeights) -> FaceLoss:
    """The loss with the networks that judge.

    Args:
        settings: files and windows.
        weights: of the terms.

    Raises:
        UnusableSettings: a term has a weight, but not the network that it needs.
        WrongModel: a file of such a network is not usable.
    """
    if weights.perceptual and not settings.lpips_weights:
        raise UnusableSettings("the perceptual term needs --lpips-weights; --lpips-lambda 0 trains without it.")
    if weights.identity and settings.identity_weights is None:
        raise UnusableSettings("the identity term needs --identity-weights; --id-lambda 0 trains without it.")
    perceptual: nn.Module | None = load_perceptual(settings.lpips_weights) if weights.perceptual else None
    if perceptual is not None and settings.lpips_window is not None:
        perceptual = DistanceOnWindows(perceptual, settings.lpips_window)
    identity = None
    if weights.identity and settings.identity_weights is not None:
        identity = load_identity(settings.identity_weights)
    return FaceLoss(weights, perceptual, identity, settings.spectrum_window)


def _sampled(face: Tensor) -> Tensor:
    """What the LR image should be, `[B, 3, S, S]` -> `[B, 3, 16, 16]`: bilinear and, as published, not antialiased."""
    return F.interpolate(face, (GRID, GRID), mode="bilinear", align_corners=False, antialias=False)
