"""The loss that the stages share."""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.perceptual import load_perceptual
from grain_codec.training.losses.adversarial import Adversary
from grain_codec.training.settings import LossSettings, UnusableSettings


class FaceLoss(nn.Module):
    """The weighted sum of all terms; see `LossSettings`."""

    def __init__(self, settings: LossSettings, perceptual: nn.Module | None = None, identity: nn.Module | None = None):
        """A term of weight zero needs no network that judges.

        Args:
            settings: weights of the terms; the LR image's term is left out where its weight is None.
            perceptual, identity: distances, (`[B, 3, S, S]`, `[B, 3, S, S]`) in [-1, 1] -> `[B]`.
        """
        super().__init__()
        assert perceptual is not None or not settings.perceptual
        assert identity is not None or not settings.identity
        self.settings, self.perceptual, self.identity = settings, perceptual, identity

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
        if self.settings.lr and lr is not None:
            terms["lr"] = F.mse_loss(lr.float(), _sampled(face))
        if self.perceptual is not None and self.settings.perceptual:
            terms["perceptual"] = self.perceptual(picture, face).mean()
        if self.identity is not None and self.settings.identity:
            terms["identity"] = self.identity(picture, face).mean()
        if self.settings.adversarial and adversary is not None:
            terms["adversarial"] = adversary.generator_loss(face, picture)
        loss = cast(Tensor, sum(getattr(self.settings, name) * term for name, term in terms.items()))
        return loss, {name: term.detach() for name, term in terms.items()}


def build_loss(settings: LossSettings) -> FaceLoss:
    """The loss with the networks that judge.

    Raises:
        UnusableSettings: a term has a weight, but not the network that it needs.
        WrongModel: a file of such a network is not usable.
    """
    if settings.perceptual and not settings.lpips_weights:
        raise UnusableSettings("the perceptual term needs --lpips-weights; --lpips-lambda 0 trains without it.")
    if settings.identity and settings.identity_weights is None:
        raise UnusableSettings("the identity term needs --identity-weights; --id-lambda 0 trains without it.")
    perceptual: nn.Module | None = load_perceptual(settings.lpips_weights) if settings.perceptual else None
    identity = None
    if settings.identity and settings.identity_weights is not None:
        identity = load_identity(settings.identity_weights)
    return FaceLoss(settings, perceptual, identity)


def _sampled(face: Tensor) -> Tensor:
    """The target of the LR image, `[B, 3, S, S]` -> `[B, 3, 16, 16]`: bilinear and, as published, not antialiased."""
    return F.interpolate(face, (GRID, GRID), mode="bilinear", align_corners=False, antialias=False)
