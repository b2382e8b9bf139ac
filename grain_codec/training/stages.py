"""The four training stages, and the loss that all of them share.

Each stage trains some modules on one picture. The published weights of the terms, learning rates and
update intervals are those of the official program of GRAIN (CVPR 2022).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.training.losses.adversarial import Adversary
from grain_codec.training.losses.lattice import lattice_strength
from grain_codec.training.losses.spectrum import WINDOW, excess_power
from grain_codec.training.objectives import Objective, Outcome


@dataclass(frozen=True)
class Stage:
    """What is published of a stage.

    Attributes:
        name: the command that trains it.
        picture: the one that the loss looks at.
        needs: modules that earlier stages have trained.
        trains: modules that it trains; of the prior only the code encoder.
        learning_rate: of generator and discriminator.
        discriminator_every: steps between two updates of the discriminator.
        lr_weight: weight of the LR image's own term.
    """

    name: str
    picture: str
    needs: tuple[str, ...]
    trains: tuple[str, ...]
    learning_rate: float
    discriminator_every: int
    lr_weight: float


STAGES = {
    stage.name: stage
    for stage in (
        Stage("rescaling", "rescaled", (), ("rescaling",), 1e-4, 6, 0.1),
        Stage("prior", "prior", ("rescaling",), ("prior",), 1e-4, 5, 0.0),
        Stage("fusion", "fused", ("rescaling", "prior"), ("fusion",), 1e-4, 3, 0.0),
        Stage(
            "finetune",
            "fused",
            ("rescaling", "prior", "fusion"),
            ("rescaling", "prior", "fusion"),
            5e-5,
            3,
            0.1,
        ),
    )
}


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; a term of weight zero is not computed.

    Attributes:
        lr: squared error of the LR image against the face, sampled bilinearly at 16x16.
        square: squared error of the picture.
        perceptual: LPIPS.
        identity: distance between the recogniser's embeddings.
        spectrum: power that the face has not; see `training.spectrum`.
        lattice: detail at the same places of every cell; see `training.lattice`.
        adversarial: what the discriminator says.
    """

    lr: float = 0.0
    square: float = 1.0
    perceptual: float = 0.8
    identity: float = 0.1
    spectrum: float = 0.0
    lattice: float = 0.0
    adversarial: float = 0.01


class FaceLoss(nn.Module):
    """The weighted sum of all terms; see `LossWeights`."""

    def __init__(
        self,
        weights: LossWeights,
        perceptual: nn.Module | None = None,
        identity: nn.Module | None = None,
        spectrum_windows: tuple[int, ...] = (WINDOW,),
    ):
        """The networks that judge may be missing at weight zero.

        Args:
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
        """The loss of some pictures and its parts.

        Args:
            picture: `[B, 3, S, S]`, nominally in [-1, 1].
            face: `[B, 3, S, S]` in [-1, 1], what it should be.
            lr: the quantised LR image `[B, 3, 16, 16]` in [-1, 1], where the model has one to guide.
            adversary: what the picture should deceive.

        Returns:
            A scalar, and the terms without their weights, by name.
        """
        terms = {"square": F.mse_loss(picture.float(), face)}
        if self.weights.lr and lr is not None:
            terms["lr"] = F.mse_loss(lr.float(), thumbnail(face))
        if self.weights.perceptual:
            terms["perceptual"] = self.perceptual(picture, face).mean()
        if self.weights.identity:
            terms["identity"] = self.identity(picture, face).mean()
        if self.weights.spectrum:
            excess = [excess_power(picture, face, window).mean() for window in self.spectrum_windows]
            terms["spectrum"] = sum(excess) / len(excess)
        if self.weights.lattice:
            terms["lattice"] = lattice_strength(picture)
        if self.weights.adversarial and adversary is not None:
            terms["adversarial"] = adversary.generator_loss(face, picture)
        loss = sum(getattr(self.weights, name) * term for name, term in terms.items())
        return loss, {name: term.detach() for name, term in terms.items()}


def thumbnail(face: Tensor) -> Tensor:
    """What the LR image is guided to, `[B, 3, S, S]` -> `[B, 3, 16, 16]`: bilinear, as published not antialiased."""
    return F.interpolate(face, (GRID, GRID), mode="bilinear", align_corners=False, antialias=False)


class Drawn(NamedTuple):
    """What a stage's networks make of a batch.

    Attributes:
        face: `[B, 3, S, S]` in [-1, 1], the goal.
        picture: `[B, 3, S, S]`, nominally in [-1, 1].
        lr: see `FaceLoss.forward`.
        follower: another picture and its goal, which has the same loss but for the adversary.
    """

    face: Tensor
    picture: Tensor
    lr: Tensor | None = None
    follower: Drawn | None = None


class StageObjective(Objective, ABC):
    """A stage: `draw`, which a subclass gives for its networks, the shared loss and an adversary.

    Attributes:
        networks: the model's modules by name; `stage.trains` of them are written to files.
    """

    restored_elsewhere = ("loss",)

    def __init__(self, networks: nn.ModuleDict, stage: Stage, loss: FaceLoss, adversary: Adversary | None = None):
        super().__init__(adversary if loss.weights.adversarial else None)
        self.networks, self.stage, self.loss = networks, stage, loss

    @abstractmethod
    def draw(self, *batch: Tensor) -> Drawn:
        """The picture that this stage looks at, with gradients for what it trains."""

    def show(self, face: Tensor) -> dict[str, Tensor]:
        """Pictures for a person to look at, `[B, 3, H, W]`, nominally in [-1, 1], by what they are."""
        drawn = self.draw(face)
        shown = {"face": drawn.face, self.stage.picture: drawn.picture}
        return shown if drawn.lr is None else {"LR image": drawn.lr, **shown}

    def forward(self, *batch: Tensor) -> Outcome:
        """The loss of a batch, its terms, and the pictures for the discriminator step."""
        drawn = self.draw(*batch)
        loss, figures = self.loss(drawn.picture, drawn.face, drawn.lr, self.adversary)
        if drawn.follower is not None:
            following, _ = self.loss(drawn.follower.picture, drawn.follower.face)
            loss, figures["follower"] = loss + following, following.detach()
        return Outcome(loss, figures, drawn.face, drawn.picture.detach().float())
