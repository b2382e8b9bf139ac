"""Distances and adversaries on windows of pictures, for machines on which whole pictures would take too long."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from grain_codec.training.losses.adversarial import NonSaturatingAdversary

DISCRIMINATOR_WIDTHS = (32, 64, 128, 128)


class DistanceOnWindows(nn.Module):
    """A distance between two pictures, measured on one random window of both."""

    def __init__(self, distance: nn.Module, size: int):
        """`distance` maps two `[B, 3, S, S]` to `[B]`; `size` is the window's side in pixels."""
        super().__init__()
        self.distance, self.size = distance, size

    # torch.compile would compile this anew for every new place of the window.
    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch does not annotate it.
    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two `[B, 3, H, W]` -> `[B]`; smaller pictures are taken whole."""
        distances: Tensor = self.distance(*_same_window(one, other, self.size))
        return distances


class WindowDiscriminator(nn.Module):
    """A logit for every patch of 40 x 40 pixels; spectral normalisation (Miyato et al. 2018) bounds its slope."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(3, DISCRIMINATOR_WIDTHS[0], 3, padding=1))]
        for below, above in pairwise(DISCRIMINATOR_WIDTHS):
            layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(below, above, 4, 2, 1))]
        layers += [nn.LeakyReLU(0.2), nn.Conv2d(DISCRIMINATOR_WIDTHS[-1], 1, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [-1, 1] -> logits `[B, 1, S / 8, S / 8]`, positive for real patches."""
        logits: Tensor = self.layers(image)
        return logits


class WindowAdversary(NonSaturatingAdversary):
    """The logistic losses, without a penalty, on one random window of both pictures."""

    penalty_every = 0

    def __init__(self, size: int, every: int):
        """`size` is the window's side in pixels."""
        super().__init__(WindowDiscriminator(), every)
        self.size = size

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch does not annotate it.
    def generator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        """See `NonSaturatingAdversary`."""
        return super().generator_loss(*_same_window(real, drawn, self.size))

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch does not annotate it.
    def forward(self, real: Tensor, drawn: Tensor, penalised: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """See `NonSaturatingAdversary`; there is no penalty."""
        return super().forward(*_same_window(real, drawn, self.size))


def _same_window(one: Tensor, other: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """One random window of two `[B, 3, H, W]`, at most `size` pixels high and wide."""
    window = (..., _span(one.shape[-2], size), _span(one.shape[-1], size))
    return one[window], other[window]


def _span(length: int, size: int) -> slice:
    """A random range of `size` out of `length` samples, or all of them when there are fewer."""
    start = int(torch.randint(0, max(1, length - size + 1), ()))
    return slice(start, start + size)
