"""The objectives of the four training stages for models of the published kind."""

from typing import cast

import torch
from torch import Tensor, nn

from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.prior import StyleBlock
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.grain2022.stylegan2 import STANDARD_DEVIATION_GROUP, StyleGAN2Discriminator
from grain_codec.training.grain2022.patch_discriminator import PatchDiscriminator
from grain_codec.training.losses.adversarial import Adversary, NonSaturatingAdversary, RelativisticAdversary
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.objectives import freeze_all_but
from grain_codec.training.stages import Drawn, Stage, StageObjective

PATCHED_SHARE = 4
"""The first stage's discriminator looks at pictures of a quarter of the face's side, 256 of 1024 pixels."""

LEAST_PATCHED = 32
"""Smallest side of these pictures; a smaller one would be a single patch, and batch normalisation needs several."""


class Grain2022Objective(StageObjective):
    """One stage of the published training; frozen modules work without gradients and stay out of checkpoints."""

    networks: Grain2022

    def __init__(
        self,
        networks: Grain2022,
        stage: Stage,
        loss: FaceLoss,
        adversary: Adversary | None = None,
        official_noise: bool = False,
    ):
        """Freezes what the stage does not train.

        Args:
            networks: at least the modules of the stage.
            stage: what is published of it.
            loss: the shared loss.
            adversary: what the networks are trained against.
            official_noise: train as the published program does, with uniform noise on the LR image in
                place of rounding and fresh noise in the generator at every call. Otherwise the decoder
                gets the rounded levels and the stored noise, as it does when it decodes files.
        """
        super().__init__(networks, stage, loss, adversary)
        self.official_noise = official_noise
        freeze_all_but(networks, self._trained_parts())
        frozen = [f"networks.{name}" for name in networks if name not in stage.trains]
        if "prior" in stage.trains:
            frozen += ["networks.prior.decoder", "networks.prior.latent_avg"]
        self.restored_elsewhere = ("loss", *frozen)

    def draw(self, face: Tensor) -> Drawn:
        """The stage's picture of faces `[B, 3, S, S]` in [-1, 1]."""
        stage, networks = self.stage, self.networks
        with torch.set_grad_enabled(torch.is_grad_enabled() and "rescaling" in stage.trains):
            lr, picture, features = networks.rescaling(face, self.official_noise)
        if stage.picture == "rescaled":
            return Drawn(face, picture, lr)
        with torch.set_grad_enabled(torch.is_grad_enabled() and "prior" in stage.trains):
            picture, generated = networks.prior(features, self.official_noise)
        if stage.picture == "fused":
            picture = networks.fusion(features[-len(generated) :], generated)
        return Drawn(face, picture, lr)

    def _trained_parts(self) -> list[nn.Module]:
        """The modules that the stage trains; of the prior only the code encoder.

        When everything is trained for `fused` alone, layers that only the other two pictures need get no gradient
        and are left out: the rescaling decoder's last convolutions, and the head of the finest layer's code, which
        steers nothing but the colours of `prior`.
        """
        networks, stage = self.networks, self.stage
        parts: list[nn.Module] = []
        if "rescaling" in stage.trains:
            decoder = networks.rescaling.dec
            idle: set[nn.Module] = {decoder.out} if stage.picture == "fused" else set()
            parts += [networks.rescaling.enc, *(part for part in decoder.children() if part not in idle)]
        if "prior" in stage.trains:
            *coarser, last = networks.prior.encoder.styles
            finest = cast(StyleBlock, last)
            idle = {finest.convs1, finest.linear1} if stage.picture == "fused" else set()
            parts += [*coarser, *(part for part in finest.children() if part not in idle)]
        if "fusion" in stage.trains:
            parts.append(networks.fusion)
        return parts


def published_adversary(spec: Grain2022Spec, stage: Stage) -> Adversary:
    """A fresh discriminator of the kind that a stage has, at its published update interval."""
    if stage.picture == "rescaled":
        size = max(spec.image_size // PATCHED_SHARE, LEAST_PATCHED)
        return RelativisticAdversary(PatchDiscriminator(), stage.discriminator_every, size)
    discriminator = StyleGAN2Discriminator(spec.image_size, spec.channels)
    return NonSaturatingAdversary(discriminator, stage.discriminator_every, STANDARD_DEVIATION_GROUP)
