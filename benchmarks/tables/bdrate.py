"""Two rate-distortion curves as one number: bytes at equal quality, and quality at equal bytes.

Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with piecewise cubic
interpolation that keeps the points' order (Fritsch, Butland, 1984), as the working practices of ITU-T HSTP-VID-WPOM
have it: a polynomial through more than four points swings between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Delta:
    """A mean difference of two curves, and where both curves are known.

    Attributes:
        value: of the test beyond the anchor: percent of bytes, or dB.
        low, high: ends of the overlap that it is the mean over: in dB for bytes, in bytes for dB.
    """

    value: float
    low: float
    high: float


class Curve:
    """A rate-distortion curve of ascending bytes and PSNR.

    Points that another point beats in both are not part of it: nobody would choose them.
    """

    def __init__(self, points: Iterable[tuple[float, float]]):
        """`points` are bytes and PSNR in dB in any order; infinite ones are left out."""
        kept: list[tuple[float, float]] = []
        for size, psnr in sorted((size, -psnr) for size, psnr in points if math.isfinite(psnr)):
            if not kept or (-psnr > kept[-1][1] and size > kept[-1][0]):
                kept.append((size, -psnr))
        self.log_bytes = np.log([size for size, _ in kept])
        self.psnr = np.array([psnr for _, psnr in kept])

    def psnr_at(self, size: float) -> float | None:
        """PSNR between the points at some bytes; None outside of them."""
        if len(self.psnr) < 2 or not self.log_bytes[0] <= math.log(size) <= self.log_bytes[-1]:
            return None
        return float(Interpolant(self.log_bytes, self.psnr)(np.array([math.log(size)]))[0])


def bd_rate(anchor: Curve, test: Curve) -> Delta | None:
    """Percent of bytes that the test takes beyond the anchor at equal PSNR; negative is a saving.

    Returns:
        The mean over the PSNR that both curves reach, or None where there is none.
    """
    found = _mean_difference(anchor.psnr, anchor.log_bytes, test.psnr, test.log_bytes)
    return found and Delta(100 * math.expm1(found.value), found.low, found.high)


def bd_psnr(anchor: Curve, test: Curve) -> Delta | None:
    """dB that the test is above the anchor at equal bytes.

    Returns:
        The mean over the logarithm of the bytes that both curves take, or None where there are none.
    """
    found = _mean_difference(anchor.log_bytes, anchor.psnr, test.log_bytes, test.psnr)
    return found and Delta(found.value, math.exp(found.low), math.exp(found.high))


class Interpolant:
    """Cubic Hermite pieces through points, without overshoot between them."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        """`x` ascends; there are two points or more."""
        self._x, self._y = x, y
        self._slopes = _slopes(np.diff(x), np.diff(y) / np.diff(x))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at places within the points."""
        piece = np.clip(np.searchsorted(self._x, x, side="right") - 1, 0, len(self._x) - 2)
        width = self._x[piece + 1] - self._x[piece]
        t = (x - self._x[piece]) / width
        left = (1 + 2 * t) * (1 - t) ** 2 * self._y[piece] + t * (1 - t) ** 2 * width * self._slopes[piece]
        right = t**2 * (3 - 2 * t) * self._y[piece + 1] - t**2 * (1 - t) * width * self._slopes[piece + 1]
        return left + right

    def mean(self, low: float, high: float) -> float:
        """The mean between two places; exact, since Simpson's rule is for cubics."""
        inner = self._x[(self._x > low) & (self._x < high)]
        ends = np.concatenate([[low], inner, [high]])
        middles = (ends[:-1] + ends[1:]) / 2
        areas = np.diff(ends) * (self(ends[:-1]) + 4 * self(middles) + self(ends[1:])) / 6
        return float(areas.sum() / (high - low))


def _slopes(widths: np.ndarray, secants: np.ndarray) -> np.ndarray:
    """Derivatives at the points: harmonic means of the neighbouring secants, three-point formulas at the ends."""
    if len(secants) == 1:
        return np.repeat(secants, 2)
    left, right = secants[:-1], secants[1:]
    first, second = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    monotone = left * right > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(monotone, (first + second) / (first / left + second / right), 0.0)
    start = _end_slope(widths[0], widths[1], secants[0], secants[1])
    end = _end_slope(widths[-1], widths[-2], secants[-1], secants[-2])
    return np.concatenate([[start], inner, [end]])


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if slope * secant <= 0:
        return 0.0
    if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return float(slope)


def _mean_difference(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray) -> Delta | None:
    """Mean of the second curve less the first where both are known."""
    if len(x) < 2 or len(test_x) < 2:
        return None
    low, high = float(max(x[0], test_x[0])), float(min(x[-1], test_x[-1]))
    if low >= high:
        return None
    return Delta(Interpolant(test_x, test_y).mean(low, high) - Interpolant(x, y).mean(low, high), low, high)
