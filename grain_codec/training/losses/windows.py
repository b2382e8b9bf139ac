"""An adversary that judges windows of faces beside what the decoder knew of them."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from grain_codec.training.losses.adversarial import Adversary

WIDTHS = (64, 128, 224, 320)  # Channels of the discriminator at a half of the window's side and at each halving after.
FINE_LEVEL = 1  # The level that also gives logits, of smaller patches, so that texture counts beside structure.
CONDITION_CHANNELS = 5  # Channels beside the window: the decoded view enlarged, and where in the face the window lies.
MATCHING_WEIGHT = 10 / 3  # Weight of feature matching against that of the hinge loss.


class WindowDiscriminator(nn.Module):
    """Logits for patches of two sizes; spectral normalisation (Miyato et al. 2018) bounds its slope."""

    def __init__(self) -> None:
        super().__init__()
        first = _convolution(4 * (3 + CONDITION_CHANNELS), WIDTHS[0])
        halving = [_convolution(below, above, stride=2) for below, above in pairwise(WIDTHS)]
        self.layers = nn.ModuleList([first, *halving, _convolution(WIDTHS[-1], WIDTHS[-1])])
        self.fine = _convolution(WIDTHS[FINE_LEVEL], WIDTHS[FINE_LEVEL])
        self.coarse_logits, self.fine_logits = _convolution(WIDTHS[-1], 1), _convolution(WIDTHS[FINE_LEVEL], 1)

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Windows with their conditions, `[N, 3 + CONDITION_CHANNELS, S, S]` in [-1, 1].

        Returns the logits of large and of small patches, positive for real ones, and the feature maps.
        """
        x = F.pixel_unshuffle(x, 2)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        fine = F.leaky_relu(self.fine(features[FINE_LEVEL]), 0.2)
        return [self.coarse_logits(x).float(), self.fine_logits(fine).float()], features


class WindowAdversary(Adversary):
    """The hinge losses (Lim and Ye 2017, "Geometric GAN"), with feature matching (Wang et al. 2018, "pix2pixHD")."""

    discriminator: WindowDiscriminator

    def __init__(self) -> None:
        super().__init__(WindowDiscriminator(), every=1)

    def generator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        """-D(drawn), and the mean absolute difference of the discriminator's features."""
        with torch.no_grad():
            _, wanted = self.discriminator(real)
        logits, features = self.discriminator(drawn)
        matching = [(one.float() - other.float()).abs().mean() for one, other in zip(features, wanted)]
        return -_mean([each.mean() for each in logits]) + MATCHING_WEIGHT * _mean(matching)

    def forward(self, real: Tensor, drawn: Tensor, penalised: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """relu(1 - D(real)) + relu(1 + D(drawn)); there is no penalty."""
        of_real, of_drawn = self.discriminator(real)[0], self.discriminator(drawn)[0]
        losses = [F.relu(1 - one).mean() + F.relu(1 + other).mean() for one, other in zip(of_real, of_drawn)]
        return _mean(losses), {}


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Module:
    layer: nn.Module = spectral_norm(nn.Conv2d(channels_in, channels_out, 3, stride, 1))
    return layer


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
