"""Searches, while encoding, for symbols that decode to a nearer face in no more bytes.

Rounding a coefficient to the nearest level minimises the error of that coefficient alone. The search chooses all levels
together, for the picture that the decoder makes of them and for the bits that they cost. It treats each level as a
random choice between the two whole numbers around a continuous value, relaxes that choice so that it has a gradient,
and lowers the temperature until the choice is certain (stochastic Gumbel annealing: Yang, Bamler, Mandt 2020,
"Improving inference for neural image compression", section 3.2). The price of a bit follows the length of the payload,
so that the file fills the bytes that it may have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.symbols import Face1024Symbols, SymbolCoder

ITERATIONS = (0, 12, 30, 60, 100, 150, 210, 280, 360, 450)  # Iterations of the search at each effort from 0 to 9.

LEARNING_RATE = 0.05
WARMEST, COLDEST = 0.6, 0.08  # Temperatures of the choice between two levels at the start and at the end.

NOISE = 0.2  # Factor on the Gumbel noise. Full noise would need more iterations than a search has.
FIRST_PRICE = 0.08  # Squared error, in squared quantiser steps, that one more bit must save at the start.
PRICE_SLOPE = 5.0  # The price is multiplied by the ratio of the payload's length to its limit, to the power of this.
CHECK_EVERY = 15  # Iterations after which the levels are rounded and compared with the best so far.
COMPARED_SIDE = 256  # Side in pixels at which every iteration computes errors; candidates are compared at full size.

PRICED_LEVELS = 14
"""Number of magnitudes, from 0, that have a price of their own; larger ones are priced as the last of these."""


@dataclass(frozen=True)
class Candidate:
    """Symbols that keep to the limits of their file, and that file."""

    symbols: Face1024Symbols
    file: bytes


@dataclass(frozen=True)
class SearchLimits:
    """The limits of the search for one face."""

    start: Candidate  # The search starts here, and returns it where it finds nothing nearer.
    payload_bits: float  # How long the payload may be.
    # Makes the file of symbols; None where it breaks the file's limits.
    write: Callable[[Face1024Symbols], bytes | None]


class Search:
    """Searches symbols for a batch of faces; each face gets what a search for it alone would find."""

    def __init__(self, rescaling: Rescaling, coder: SymbolCoder, images: Tensor, limits: Sequence[SearchLimits]):
        """`images` are the faces `[B, 3, S, S]` in [0, 1]; `limits` has an entry for each."""
        self._rescaling, self._coder, self._images, self._limits = rescaling, coder, images, limits
        spec, device = rescaling.spec, images.device
        self._steps = torch.tensor(
            [spec.detail_step(limit.start.symbols.fine_quality) for limit in limits], device=device
        )
        side = min(COMPARED_SIDE, images.shape[-1])
        self._small = F.interpolate(images, (side, side), mode="area")
        self._generators = [torch.Generator().manual_seed(0) for _ in limits]
        self._best = [limit.start for limit in limits]
        self._errors = self._errors_of([each.symbols for each in self._best])
        self._prices = torch.full((len(limits),), FIRST_PRICE, device=device)

    def run(self, effort: int) -> list[Candidate]:
        """The nearest candidate found of each face."""
        iterations = ITERATIONS[effort]
        values = [value.requires_grad_() for value in self._start_values()]
        optimizer = torch.optim.Adam(values, LEARNING_RATE)
        self._weigh([each.symbols for each in self._best])
        for iteration in range(iterations):
            progress = iteration / iterations
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - 0.7 * progress)
            with torch.enable_grad():
                loss = self._loss(values, WARMEST * (COLDEST / WARMEST) ** progress)
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
            if (iteration + 1) % CHECK_EVERY == 0 or iteration + 1 == iterations:
                self._check(values)
        return self._best

    def _start_values(self) -> list[Tensor]:
        """The means of the first levels and of the values that these were rounded from, `[B, T]` and `[B, 256, C]`."""
        rescaling = self._rescaling
        thumbnails, views = rescaling.views(self._images)
        with torch.no_grad():
            found = rescaling.analyse(thumbnails, views, self._steps)
            components = rescaling.thumbnail_components(thumbnails)
        exact = components / (self._steps * rescaling.spec.thumbnail_step_ratio)[:, None], found.detail_values
        return [(each + levels) / 2 for each, levels in zip(exact, self._levels([each.symbols for each in self._best]))]

    def _loss(self, values: Sequence[Tensor], temperature: float) -> Tensor:
        """Sum over the faces of the squared error, in squared steps, and of the price of the bits."""
        relaxed = [self._relaxed(value, temperature) for value in values]
        (thumbnails, _, _), (details, _, _) = relaxed
        view = self._rescaling.synthesise(thumbnails, details, self._steps)
        side = self._small.shape[-1]
        drawn = F.interpolate(view, (side, side), mode="bicubic", align_corners=False)
        of_view = (view.shape[-1] / side) ** 2 / self._steps**2
        errors = of_view * (drawn - self._small).square().flatten(1).sum(1)
        bits = torch.zeros_like(errors)
        for (_, below, share), table in zip(relaxed, self._tables):
            either = (1 - share) * _looked_up(table, below) + share * _looked_up(table, below + 1)
            bits = bits + either.flatten(1).sum(1)
        return (errors + self._prices * bits).sum()

    def _relaxed(self, value: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """Relaxes the choice between the two whole levels around each value.

        Returns the relaxed levels, the lower of the two whole levels, and the probability of the upper one.
        """
        below = value.detach().floor()
        above = (value - below).clamp(1e-4, 1 - 1e-4)
        logits = torch.stack([-torch.atanh(above), -torch.atanh(1 - above)]) / temperature
        chance = torch.sigmoid(logits[1] - logits[0])
        weights = torch.softmax((logits + NOISE * self._gumbel(logits)) / max(temperature, 0.1), 0)
        return below + weights[1], below, chance

    def _gumbel(self, logits: Tensor) -> Tensor:
        """Gumbel noise `[2, B, ...]`; each face has a generator of its own, so that a batch changes nothing."""
        shape = (2, *logits.shape[2:])
        uniform = torch.stack([torch.rand(shape, generator=generator) for generator in self._generators], 1)
        return -torch.log(-torch.log(uniform.clamp(1e-6, 1 - 1e-6))).to(logits.device)

    @torch.no_grad()
    def _check(self, values: Sequence[Tensor]) -> None:
        """Rounds the levels, keeps candidates that are nearer than the best so far, and updates prices and tables."""
        thumbnails, details = (value.detach().round().long().cpu().numpy() for value in values)
        faces = [
            Face1024Symbols(thumbnail, detail, limit.start.symbols.fine_quality)
            for thumbnail, detail, limit in zip(thumbnails, details, self._limits)
        ]
        for index, (symbols, error, limit) in enumerate(zip(faces, self._errors_of(faces), self._limits)):
            if error < self._errors[index] and (file := limit.write(symbols)) is not None:
                self._best[index], self._errors[index] = Candidate(symbols, file), error
            excess = self._coder.ideal_bits(symbols) / limit.payload_bits
            self._prices[index] *= min(max(excess**PRICE_SLOPE, 0.5), 2.0)
        self._weigh(faces)

    @torch.no_grad()
    def _errors_of(self, faces: Sequence[Face1024Symbols]) -> list[float]:
        """Squared errors of `rescaled` at full size."""
        thumbnails, details = self._levels(faces)
        drawn: Tensor = self._rescaling(self._rescaling.synthesise(thumbnails, details, self._steps))
        return [float(error) for error in (drawn - self._images).square().flatten(1).sum(1)]

    def _levels(self, faces: Sequence[Face1024Symbols]) -> list[Tensor]:
        """Levels as the networks take them, `[B, T]` and `[B, 256, C]`."""
        parts = [symbols.thumbnail for symbols in faces], [symbols.details for symbols in faces]
        return [torch.from_numpy(np.stack(part)).float().to(self._images.device) for part in parts]

    def _weigh(self, faces: Sequence[Face1024Symbols]) -> None:
        """Computes the price of each magnitude of each level in the contexts that some symbols give."""
        tables = zip(*(self._coder.magnitude_bits(symbols, PRICED_LEVELS) for symbols in faces))
        self._tables = [torch.from_numpy(np.stack(table)).float().to(self._images.device) for table in tables]


def _looked_up(table: Tensor, levels: Tensor) -> Tensor:
    """The entries of a table of bits `[B, ..., PRICED_LEVELS]` for whole levels `[B, ...]`."""
    magnitudes = levels.abs().clamp(max=PRICED_LEVELS - 1).long()
    return table.gather(-1, magnitudes[..., None])[..., 0]
