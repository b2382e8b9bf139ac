"""The losses of adversarial training: what the generator and what the discriminator minimises."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PENALTY_WEIGHT = 10.0  # Weight gamma of the R1 penalty.

PENALTY_EVERY = 16
"""Lazy regularisation (Karras et al. 2020, section 3.1): only steps that are multiples of this take the penalty."""


class Adversary(nn.Module, ABC):
    """A discriminator and its losses; `forward` is the discriminator step.

    Attributes:
        every: generator steps between two discriminator steps.
        penalty_every: discriminator steps that are multiples of this take the penalty; 0 for none.
        batch_group: faces that the discriminator compares; a larger batch must be a multiple of it.
    """

    penalty_every = 0

    def __init__(self, discriminator: nn.Module, every: int, batch_group: int = 1):
        super().__init__()
        self.discriminator, self.every, self.batch_group = discriminator, every, batch_group

    @abstractmethod
    def generator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        """The generator's loss: two `[B, 3, S, S]` in [-1, 1] -> a scalar, with a gradient for `drawn`."""

    @abstractmethod
    def forward(self, real: Tensor, drawn: Tensor, penalised: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminator's loss, and figures to report.

        Args:
            real, drawn: `[B, 3, S, S]` in [-1, 1], without gradient.
            penalised: whether this step takes the penalty.
        """


class RelativisticAdversary(Adversary):
    """Compares each patch's logit with the mean logit of the other kind of picture at the same place.

    This is the relativistic average GAN of Jolicoeur-Martineau 2018 ("The relativistic discriminator"), as the
    official program of GRAIN has it in its first stage: the generator's loss has only the term of the drawn
    pictures, and means are taken over the batch alone, not over the patches.
    """

    def __init__(self, discriminator: nn.Module, every: int, size: int = 256):
        """`size` is the side that pictures are resized to before the discriminator sees them."""
        super().__init__(discriminator, every)
        self.size = size

    def generator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        """Binary cross-entropy of D(drawn) - mean D(real) against "real"."""
        with torch.no_grad():
            real_logits = self._logits(real)
        return _cross_entropy(self._logits(drawn) - real_logits.mean(0, keepdim=True), 1.0)

    def forward(self, real: Tensor, drawn: Tensor, penalised: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """Half the sum of both cross-entropies; there is no penalty."""
        real_logits, drawn_logits = self._logits(real), self._logits(drawn)
        of_real = _cross_entropy(real_logits - drawn_logits.mean(0, keepdim=True), 1.0)
        of_drawn = _cross_entropy(drawn_logits - real_logits.mean(0, keepdim=True), 0.0)
        return (of_real + of_drawn) / 2, {}

    def _logits(self, image: Tensor) -> Tensor:
        small = F.interpolate(image, (self.size, self.size), mode="bilinear", align_corners=False)
        logits: Tensor = self.discriminator(small)
        return logits.float()


class NonSaturatingAdversary(Adversary):
    """The logistic losses of StyleGAN2 (Goodfellow et al. 2014, section 3; R1 of Mescheder et al. 2018, equation 9)."""

    penalty_every = PENALTY_EVERY

    def generator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        """softplus(-D(drawn)), mean over the batch."""
        return F.softplus(-self.discriminator(drawn).float()).mean()

    def forward(self, real: Tensor, drawn: Tensor, penalised: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """softplus(-D(real)) + softplus(D(drawn)); a penalised step makes up for all those without the penalty."""
        of_drawn = F.softplus(self.discriminator(drawn).float()).mean()
        loss = of_drawn + F.softplus(-self.discriminator(real).float()).mean()
        if not penalised:
            return loss, {}
        penalty = gradient_penalty(self.discriminator, real)
        return loss + PENALTY_WEIGHT / 2 * self.penalty_every * penalty, {"r1": penalty.detach()}


def gradient_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Mean squared norm of the logit's gradient at real pictures; in float32 even under autocast."""
    with torch.autocast(real.device.type, enabled=False), torch.enable_grad():
        image = real.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
