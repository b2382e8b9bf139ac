"""The four training stages.

Each stage trains some modules on one picture. The learning rates, update intervals and weights are those of the
official program of GRAIN (CVPR 2022).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.training.losses.adversarial import Adversary
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.objectives import Objective, Outcome


@dataclass(frozen=True)
class Stage:
    """The published settings of a stage."""

    name: str  # The command that trains it.
    picture: str  # The picture that the loss looks at.
    needs: tuple[str, ...]  # Modules that earlier stages have trained.
    trains: tuple[str, ...]  # Modules that it trains; of the prior only the code encoder.
    learning_rate: float  # The same for the generator and the discriminator.
    discriminator_every: int  # Steps between two updates of the discriminator.
    lr_weight: float  # Weight of the LR image's term.


_ALL = ("rescaling", "prior", "fusion")

STAGES = {
    stage.name: stage
    for stage in (
        Stage("rescaling", "rescaled", (), ("rescaling",), 1e-4, 6, 0.1),
        Stage("prior", "prior", ("rescaling",), ("prior",), 1e-4, 5, 0.0),
        Stage("fusion", "fused", ("rescaling", "prior"), ("fusion",), 1e-4, 3, 0.0),
        Stage("finetune", "fused", _ALL, _ALL, 5e-5, 3, 0.1),
    )
}
"""The stages by name."""


class Drawn(NamedTuple):
    """The pictures that a stage's networks draw from a batch."""

    face: Tensor  # `[B, 3, S, S]` in [-1, 1], the goal.
    picture: Tensor  # `[B, 3, S, S]`, nominally in [-1, 1].
    lr: Tensor | None = None  # See `FaceLoss.forward`.


class StageObjective(Objective, ABC):
    """A stage that draws pictures: a subclass's `draw`, the shared loss and an adversary.

    Attributes:
        networks: the model's modules by name; `stage.trains` of them are written to files.
        stage: the published settings of the stage.
        loss: the shared loss.
    """

    restored_elsewhere: tuple[str, ...] = ("loss",)

    def __init__(self, networks: ReciprocalNetworks, stage: Stage, loss: FaceLoss, adversary: Adversary | None = None):
        super().__init__(adversary if loss.settings.adversarial else None)
        self.networks, self.stage, self.loss = networks, stage, loss

    @abstractmethod
    def draw(self, face: Tensor) -> Drawn:
        """The stage's picture of faces `[B, 3, S, S]` in [-1, 1], with gradients for what the stage trains."""

    def show(self, face: Tensor) -> dict[str, Tensor]:
        """Pictures for a person to look at, `[B, 3, H, W]`, nominally in [-1, 1], by their captions."""
        drawn = self.draw(face)
        shown = {"face": drawn.face, self.stage.picture: drawn.picture}
        return shown if drawn.lr is None else {"LR image": drawn.lr, **shown}

    def forward(self, face: Tensor) -> Outcome:
        """The loss of a batch, its terms, and the pictures for the discriminator step."""
        drawn = self.draw(face)
        loss, figures = self.loss(drawn.picture, drawn.face, drawn.lr, self.adversary)
        return Outcome(loss, figures, drawn.face, drawn.picture.detach().float())
