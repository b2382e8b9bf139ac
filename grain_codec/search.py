"""Encoder-side search: better symbols for this very face, within the same bytes.

Rounding every coefficient alike wastes bits where a level is dear. Here each coefficient is rounded by
what its bits would buy (rate-distortion optimised quantisation): its dead zone grows with the price of
the first level under the tables and the context of the last attempt. The bytes so saved go into a finer
step. What is left of the effort climbs: the rounding of a random part of the face is varied, and kept
where the decoded view comes nearer. Every attempt is a full closed-loop analysis, so later cells make up
for what earlier ones left out, and what is measured is what a decoder will draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grain_codec.model.rescaling import Analysis, Rescaling
from grain_codec.spec import GRID
from grain_codec.symbols import SymbolCoder, Symbols

CLIMBS = (0, 0, 4, 10, 20, 40, 60, 90, 120, 150)
"""Attempts at varying the best rounding, at effort 0 to 9."""

PRICES = (0.1, 0.08, 0.13)
"""Squared error in squared steps that a bit must save; the first alone at effort 1."""

FINER = range(1, 9)
"""Fine qualities above the start at which the saved bytes may be spent."""

LEAST_ROUNDING, MOST_ROUNDING = 0.05, 0.5
VARIATION = 0.06
"""Standard deviation of the noise on the rounding of the cells that an attempt varies."""

VARIED_CELLS = 0.15
"""Share of the cells that an attempt varies."""


@dataclass(frozen=True)
class Attempt:
    """Symbols of a face, the squared error of the view they give, and the rounding they came from."""

    symbols: Symbols
    error: float
    rounding: Tensor | None


class Search:
    """Searches symbols for one face."""

    def __init__(
        self,
        rescaling: Rescaling,
        coder: SymbolCoder,
        thumbnail: Tensor,
        view: Tensor,
        is_allowed: Callable[[Symbols], bool],
    ):
        """`thumbnail` is `[1, 3, 16, 16]`, `view` `[1, 3, V, V]`; only symbols that `is_allowed` are ever chosen."""
        self._rescaling, self._coder = rescaling, coder
        self._thumbnail, self._view, self._is_allowed = thumbnail, view, is_allowed
        self._first_level_bits = torch.from_numpy(coder.first_level_bits()).float()
        self._generator = torch.Generator().manual_seed(0)

    def run(self, start: Symbols, effort: int) -> Symbols:
        """The nearest symbols found; `start` itself where none is nearer."""
        best = self._attempt(start.fine_quality, None)
        for price in PRICES[:1] if effort == 1 else PRICES:
            best = self._spend_savings(best, start, price)
        for _ in range(CLIMBS[effort]):
            best = self._climb(best)
        return best.symbols

    @torch.inference_mode()
    def _attempt(self, fine_quality: int, rounding: Tensor | None) -> Attempt:
        """One closed-loop analysis with a rounding `[1, 256, C]`, or with the usual one."""
        step = self._view.new_tensor([self._rescaling.spec.detail_step(fine_quality)])
        found = self._rescaling.analyse(self._thumbnail, self._view, step, rounding)
        return Attempt(symbols_of(found, fine_quality), float((found.view - self._view).square().sum()), rounding)

    def _spend_savings(self, best: Attempt, start: Symbols, price: float) -> Attempt:
        """Rounds by price at finer and finer steps, as long as the file keeps to its limits."""
        symbols, misses = start, 0
        for finer in FINER:
            fine_quality = min(start.fine_quality + finer, self._rescaling.spec.fine_qualities - 1)
            attempt = self._attempt(fine_quality, self._rounding_by_price(symbols, price))
            attempt = self._attempt(fine_quality, self._rounding_by_price(attempt.symbols, price))
            symbols = attempt.symbols
            if self._is_allowed(symbols):
                best = min(best, attempt, key=lambda each: each.error)
            else:
                misses += 1
            if misses == 2:
                break
        return best

    def _climb(self, best: Attempt) -> Attempt:
        """Varies the rounding in some cells; the better of before and after."""
        rounding = best.rounding
        if rounding is None:
            rounding = self._rounding_by_price(best.symbols, PRICES[0])
        shape = rounding.shape
        varied = torch.rand(1, GRID * GRID, 1, generator=self._generator) < VARIED_CELLS
        noise = VARIATION * torch.randn(shape, generator=self._generator) * varied
        changed = (rounding + noise.to(rounding.device)).clamp(LEAST_ROUNDING, MOST_ROUNDING)
        attempt = self._attempt(best.symbols.fine_quality, changed)
        return attempt if attempt.error < best.error and self._is_allowed(attempt.symbols) else best

    def _rounding_by_price(self, symbols: Symbols, price: float) -> Tensor:
        """Rounding `[1, 256, C]` whose threshold between 0 and 1 is where the saved error pays for the bits.

        Level 1 instead of 0 saves 2v - 1 squared steps at a value of v steps, so it pays from
        v = 1/2 + price * bits / 2 on.
        """
        bits = self._first_level_bits[torch.from_numpy(self._coder.detail_scales(symbols))]
        rounding = (0.5 - 0.5 * price * bits).clamp(LEAST_ROUNDING, MOST_ROUNDING)
        return rounding[None].to(self._view.device)


def symbols_of(found: Analysis, fine_quality: int) -> Symbols:
    """The whole levels of an analysed face as integers."""
    both = (found.thumbnail_levels, found.detail_levels)
    thumbnail, details = (levels[0].round().long().cpu().numpy() for levels in both)
    return Symbols(thumbnail, np.ascontiguousarray(details), fine_quality)
