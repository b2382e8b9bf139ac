"""Encoder-side search: better symbols for these very faces, within the same bytes.

Rounding each coefficient to the nearest level is nearest for the coefficient alone. Here levels are chosen
together, for the picture that the decoder makes of all of them and for the bits that they cost: every level is
a random choice between the two whole numbers around a continuous value, relaxed so that it has a gradient, and
annealed until it is whole (stochastic Gumbel annealing: Yang, Bamler, Mandt 2020, "Improving inference for
neural image compression", section 3.2). The price of a bit rises and falls so that the file fills its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.symbols import Face1024Symbols, SymbolCoder

ITERATIONS = (0, 12, 30, 60, 100, 150, 210, 280, 360, 450)
"""At effort 0 to 9."""

LEARNING_RATE = 0.05
WARMEST, COLDEST = 0.6, 0.08
"""Temperature of the choice between two levels, at the start and at the end."""

NOISE = 0.2
"""Of the Gumbel noise's own strength: a search is short."""

FIRST_PRICE = 0.08
"""Squared error, in squared steps, that a bit must save."""

PRICE_SLOPE = 5.0
"""Exponent of the payload's length over its limit in a correction of the price."""

CHECK_EVERY = 15
"""Iterations between two looks at what whole levels would give."""

COMPARED_SIDE = 256
"""Side in pixels at which errors are computed in every iteration; what is kept is chosen at full size."""

PRICED_LEVELS = 14
"""Larger magnitudes cost nearly the same as their neighbours."""


@dataclass(frozen=True)
class Candidate:
    """Symbols that keep to the limits of their file, and that file."""

    symbols: Face1024Symbols
    file: bytes


@dataclass(frozen=True)
class SearchLimits:
    """What a search may do for one face.

    Attributes:
        start: what the search begins with, and ends with where nothing is nearer.
        payload_bits: how long the payload may be.
        write: makes the file of symbols; None where it breaks the file's limits.
    """

    start: Candidate
    payload_bits: float
    write: Callable[[Face1024Symbols], bytes | None]


class Search:
    """Searches symbols for a batch of faces; each gets what it would get alone."""

    def __init__(self, rescaling: Rescaling, coder: SymbolCoder, images: Tensor, limits: Sequence[SearchLimits]):
        """`images` are the faces `[B, 3, S, S]` in [0, 1], one limit each."""
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
        """Halfway from the start's levels to what they were rounded from: `[B, T]` and `[B, 256, C]`."""
        rescaling = self._rescaling
        thumbnails, views = rescaling.views(self._images)
        with torch.no_grad():
            found = rescaling.analyse(thumbnails, views, self._steps)
            components = rescaling.thumbnail_components(thumbnails)
        exact = components / (self._steps * rescaling.spec.thumbnail_step_ratio)[:, None], found.detail_values
        return [(each + levels) / 2 for each, levels in zip(exact, self._levels([each.symbols for each in self._best]))]

    def _loss(self, values: Sequence[Tensor], temperature: float) -> Tensor:
        """Squared error in squared steps, and the price of the bits, of all faces together."""
        relaxed = [self._relaxed(value, temperature) for value in values]
        view = self._rescaling.synthesise(*(levels for levels, _, _ in relaxed), self._steps)
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
        """Levels between the two whole ones around each value, the lower ones, and the chance of the upper ones."""
        below = value.detach().floor()
        above = (value - below).clamp(1e-4, 1 - 1e-4)
        logits = torch.stack([-torch.atanh(above), -torch.atanh(1 - above)]) / temperature
        chance = torch.sigmoid(logits[1] - logits[0])
        weights = torch.softmax((logits + NOISE * self._gumbel(logits)) / max(temperature, 0.1), 0)
        return below + weights[1], below, chance

    def _gumbel(self, logits: Tensor) -> Tensor:
        """Noise `[2, B, ...]`, each face's from a generator of its own."""
        shape = (2, *logits.shape[2:])
        uniform = torch.stack([torch.rand(shape, generator=generator) for generator in self._generators], 1)
        return -torch.log(-torch.log(uniform.clamp(1e-6, 1 - 1e-6))).to(logits.device)

    @torch.no_grad()
    def _check(self, values: Sequence[Tensor]) -> None:
        """Keeps what whole levels are nearer and allowed, and sets prices and tables by what they cost."""
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
        drawn = self._rescaling(self._rescaling.synthesise(*self._levels(faces), self._steps))
        return (drawn - self._images).square().flatten(1).sum(1).tolist()

    def _levels(self, faces: Sequence[Face1024Symbols]) -> list[Tensor]:
        """Levels as the networks take them, `[B, T]` and `[B, 256, C]`."""
        parts = [symbols.thumbnail for symbols in faces], [symbols.details for symbols in faces]
        return [torch.from_numpy(np.stack(part)).float().to(self._images.device) for part in parts]

    def _weigh(self, faces: Sequence[Face1024Symbols]) -> None:
        """Sets the tables of bits by magnitude to the contexts of some symbols."""
        tables = zip(*(self._coder.magnitude_bits(symbols, PRICED_LEVELS) for symbols in faces))
        self._tables = [torch.from_numpy(np.stack(table)).float().to(self._images.device) for table in tables]


def _looked_up(table: Tensor, levels: Tensor) -> Tensor:
    """Bits `[B, ..., PRICED_LEVELS]` at whole levels `[B, ...]`."""
    magnitudes = levels.abs().clamp(max=PRICED_LEVELS - 1).long()
    return table.gather(-1, magnitudes[..., None])[..., 0]
