"""Searches, while encoding, for symbols that decode to a nearer face in no more bytes.

Rounding a coefficient to the nearest level minimises the error of that coefficient alone. The search chooses all levels
for the picture that the decoder makes of them, and for the bits that they cost. It goes on in rounds:

1. Every level takes the whole number of the least cost, which is its squared distance from a target, in the measure of
   the picture, plus the price of its bits in the contexts of the round before ("rate-distortion optimised
   quantization": Karczewicz, Ye, Chong 2008, VCEG-AH21). Details are chosen pass by pass while the face is decoded, so
   that each pass can mend what the passes before have left.
2. The gradient of the full-size error, through the whole decoder, tells which levels the picture would have: one Newton
   step from the chosen ones, with a diagonal curvature. The targets move a part of the way there, and ever less.
3. The price of a bit follows the length of the payload, so that the file fills the bytes that it may have.

Every round ends in whole levels whose error is known, and the best that fit are kept. A search tries some fine
qualities side by side. It takes one face at a time, so what it finds does not depend on the faces beside it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grain_codec.models.face1024.full_size_error import FullSizeError
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.symbols import Face1024Symbols, SymbolCoder


class Effort(NamedTuple):
    """How long a search goes on."""

    rounds: int
    offsets: tuple[int, ...] = (0,)  # Fine qualities that are tried, from that of the start.


EFFORTS = (
    Effort(0, ()),
    Effort(8),
    Effort(16),
    Effort(30),
    Effort(30, (-2, 2)),
    Effort(30, (-1, 1, 3)),
    Effort(60, (0, 2)),
    Effort(60, (-3, -1, 1, 3)),
    Effort(100, (-2, 0, 2)),
    Effort(120, (-3, -1, 0, 1, 3)),
)
"""The search at each effort from 0 to 9; those above WHOLE_EFFORT first do what the ones from there on do."""

WHOLE_EFFORT = 3  # With more rounds at one fine quality a search finds hardly more.

FIRST_MOVE, LAST_MOVE = 0.5, 0.07  # Part of the way to the Newton step that the targets go in the first and last round.
FIRST_PRICE = 0.07  # Squared error that one more bit must save at first, in squared quantiser steps at full size.
LEAST_HASTE = 0.2  # Least part of the excess of bits that a new price is to mend.
LEAST_ENERGY = 0.05  # Of a level of one step; less would let a level that hardly moves the picture run away.
PRICE_STEP = 1.25  # Ratio of the two prices whose bits tell how much the price matters.
FILLING = 0.998  # Share of the bits that the payload may have that the price aims at, so that about every other fits.
LARGEST_TARGET = 1000.0  # No face has such levels; a search that finds no bottom must not go on to infinity.

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


@dataclass
class Trials:
    """What the search of one face knows at some fine qualities; B is their number."""

    qualities: list[int]
    steps: Tensor  # `[B]`, of the details.
    # Half the curvature of the error along each level: `[B, T]` and `[B, 256, C]`.
    curvatures: tuple[Tensor, Tensor]
    targets: Tensor  # Of the thumbnail's levels, `[B, T]`.
    corrections: Tensor  # Added to what a pass leaves over to give the targets of the details, `[B, 256, C]`.
    prices: Tensor  # Squared error that one more bit must save, `[B]`.
    # Bits of each magnitude: `[B, T, PRICED_LEVELS]` and `[B, 256, C, PRICED_LEVELS]`.
    bits: tuple[Tensor, Tensor] = field(init=False)

    def cheapest_thumbnails(self, factor: float = 1.0) -> Tensor:
        """The thumbnail levels `[B, T]` of the least cost, at a multiple of the price."""
        return _cheapest(self.targets, self.curvatures[0], factor * self.prices[:, None, None] * self.bits[0])

    def cheapest_details(self, targets: Tensor, cells: Tensor | slice, factor: float = 1.0) -> Tensor:
        """The detail levels of the least cost for targets `[B, P, C]` of some cells."""
        costs = factor * self.prices[:, None, None, None] * self.bits[1][:, cells]
        return _cheapest(targets, self.curvatures[1][:, cells], costs)

    def bits_at(self, factor: float, targets: Tensor) -> Tensor:
        """Bits `[B]` of the cheapest levels at a multiple of the price, for targets `[B, 256, C]` of the details."""
        thumbnails = _looked_up(self.bits[0], self.cheapest_thumbnails(factor))
        details = _looked_up(self.bits[1], self.cheapest_details(targets, slice(None), factor))
        return thumbnails.sum(1) + details.sum((1, 2))


class Drawn(NamedTuple):
    """The levels of one round and the pictures that they give."""

    thumbnails: Tensor  # Levels `[B, T]`.
    details: Tensor  # Levels `[B, 256, C]`.
    targets: Tensor  # The targets that the details were chosen for, `[B, 256, C]`.
    errors: Tensor  # `[B]`, at full size.
    gradients: tuple[Tensor, ...]  # Of the errors by the levels of thumbnails and details.


class Search:
    """The search for one face."""

    def __init__(self, rescaling: Rescaling, coder: SymbolCoder, image: Tensor, limits: SearchLimits):
        """Takes the face `[1, 3, S, S]` in [0, 1]."""
        self._rescaling, self._coder, self._limits = rescaling, coder, limits
        with torch.no_grad():
            self._thumbnail, self._view = rescaling.views(image)
            self._error_of = FullSizeError(image, rescaling.spec.view_size)
            self._least = self._true_error(image, limits.start.symbols)
        self._nearer: list[Face1024Symbols] = []  # Each nearer than the start and than all before it.

    def run(self, effort: int) -> Candidate:
        """The nearest candidate found."""
        for rounds, offsets in EFFORTS[min(effort, WHOLE_EFFORT) : effort + 1]:
            self._go_through(rounds, self._trials(offsets))
        for symbols in reversed(self._nearer):
            # The file of symbols whose ideal length just fits may be a byte too long.
            if (data := self._limits.write(symbols)) is not None:
                return Candidate(symbols, data)
        return self._limits.start

    def _go_through(self, rounds: int, trials: Trials) -> None:
        """Goes through the rounds of some trials."""
        for each in range(rounds):
            drawn = self._draw(trials)
            excess = self._count(trials, drawn)
            self._set_prices(trials, drawn, excess, max(1 / (1 + each / 2), LEAST_HASTE))
            self._move_targets(trials, drawn, FIRST_MOVE + (LAST_MOVE - FIRST_MOVE) * each / rounds)

    @torch.no_grad()
    def _trials(self, offsets: tuple[int, ...]) -> Trials:
        """The trials before the first round, with the contexts of the start."""
        spec, start = self._rescaling.spec, self._limits.start.symbols
        near = {start.fine_quality + offset for offset in offsets}
        qualities = sorted({min(max(quality, 0), spec.fine_qualities - 1) for quality in near})
        steps = self._view.new_tensor([spec.detail_step(quality) for quality in qualities])
        unit = steps.square() * (spec.image_size / spec.view_size) ** 2
        thumbnail, details = (energies.clamp(min=LEAST_ENERGY) for energies in self._rescaling.level_energies())
        components = self._rescaling.thumbnail_components(self._thumbnail)
        trials = Trials(
            qualities,
            steps,
            curvatures=(unit[:, None] * thumbnail, unit[:, None, None] * details),
            targets=components / (steps * spec.thumbnail_step_ratio)[:, None],
            corrections=torch.zeros(len(qualities), *details.shape, device=details.device),
            prices=FIRST_PRICE * unit,
        )
        self._price(trials, [Face1024Symbols(start.thumbnail, start.details, quality) for quality in qualities])
        return trials

    def _draw(self, trials: Trials) -> Drawn:
        """Chooses all levels, decodes them, and computes the gradient of the error."""
        thumbnails = trials.cheapest_thumbnails()
        details, targets = torch.zeros_like(trials.corrections), torch.zeros_like(trials.corrections)
        changes = [torch.zeros_like(levels).requires_grad_() for levels in (thumbnails, details)]

        def choose(cells: Tensor, left_over: Tensor) -> Tensor:
            with torch.no_grad():
                targets[:, cells] = left_over + trials.corrections[:, cells]
                details[:, cells] = trials.cheapest_details(targets[:, cells], cells)
            return details[:, cells] + changes[1][:, cells]

        with torch.enable_grad():
            views = self._rescaling.decode_choosing(thumbnails + changes[0], self._view, trials.steps, choose)
            errors = self._error_of(views)
            gradients = torch.autograd.grad(errors.sum(), changes)
        return Drawn(thumbnails, details, targets, errors.detach(), gradients)

    def _count(self, trials: Trials, drawn: Drawn) -> list[float]:
        """Bits of the levels of each trial, over those wanted; keeps levels that are nearer than the best so far."""
        levels = (each.long().cpu().numpy() for each in (drawn.thumbnails, drawn.details))
        faces = [Face1024Symbols(*face) for face in zip(*levels, trials.qualities)]
        counts = self._price(trials, faces)
        for symbols, bits, error in zip(faces, counts, drawn.errors.tolist()):
            if bits <= self._limits.payload_bits and error < self._least:
                self._nearer.append(symbols)
                self._least = error
        wanted = FILLING * max(self._limits.payload_bits, 1)
        return [bits / wanted for bits in counts]

    def _set_prices(self, trials: Trials, drawn: Drawn, excess: list[float], haste: float) -> None:
        """Makes bits dearer where there were too many of them, and cheaper where there were too few."""
        first, second = (trials.bits_at(factor, drawn.targets).clamp(min=1) for factor in (1.0, PRICE_STEP))
        slope = (torch.log(first / second) / math.log(PRICE_STEP)).clamp(0.05, 1.0)
        factor = trials.prices.new_tensor(excess) ** (haste / slope)
        trials.prices *= factor.clamp(0.5, 2.0)

    def _move_targets(self, trials: Trials, drawn: Drawn, part: float) -> None:
        """Moves the targets a part of the way to where a Newton step from the levels leads."""
        wished = [
            (levels - gradient / (2 * curvature)).nan_to_num(0).clamp(-LARGEST_TARGET, LARGEST_TARGET)
            for levels, gradient, curvature in zip(drawn[:2], drawn.gradients, trials.curvatures)
        ]
        trials.targets += part * (wished[0] - trials.targets)
        trials.corrections += part * (wished[1] - drawn.targets)

    def _price(self, trials: Trials, faces: list[Face1024Symbols]) -> list[float]:
        """Looks up the bits of each magnitude in the contexts of some faces; returns the bits of the faces."""
        thumbnails, details, bits = zip(*(self._coder.magnitude_bits(symbols, PRICED_LEVELS) for symbols in faces))
        tables = [torch.from_numpy(np.stack(table)).float().to(self._view.device) for table in (thumbnails, details)]
        trials.bits = tables[0], tables[1]
        return list(bits)

    def _true_error(self, image: Tensor, symbols: Face1024Symbols) -> float:
        """Squared error of `rescaled`, drawn and clamped at full size."""
        thumbnail, details = (torch.from_numpy(each[None]).to(image) for each in (symbols.thumbnail, symbols.details))
        step = image.new_tensor([self._rescaling.spec.detail_step(symbols.fine_quality)])
        drawn: Tensor = self._rescaling(self._rescaling.synthesise(thumbnail, details, step))
        return float((drawn - image).square().sum())


def _cheapest(targets: Tensor, curvature: Tensor, costs: Tensor) -> Tensor:
    """The whole levels of the least cost; all of one shape, `costs` with an axis of PRICED_LEVELS more."""
    magnitudes = targets.abs()
    below = magnitudes.floor()
    tried = torch.stack([torch.zeros_like(below), below, below + 1], -1)
    price = costs.gather(-1, tried.clamp(max=PRICED_LEVELS - 1).long())
    least = (curvature[..., None] * (magnitudes[..., None] - tried).square() + price).argmin(-1, keepdim=True)
    return tried.gather(-1, least)[..., 0] * targets.sign()


def _looked_up(table: Tensor, levels: Tensor) -> Tensor:
    """The entries of a table of bits `[B, ..., PRICED_LEVELS]` for whole levels `[B, ...]`."""
    magnitudes = levels.abs().clamp(max=PRICED_LEVELS - 1).long()
    return table.gather(-1, magnitudes[..., None])[..., 0]
