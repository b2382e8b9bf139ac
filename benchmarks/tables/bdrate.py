"""Two rate-distortion curves as one number: bytes at equal quality, and quality at equal bytes.

Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, by the package bjontegaard
with piecewise cubic interpolation that keeps the points' order (PCHIP), as the working practices of ITU-T
HSTP-VID-WPOM have it: a polynomial through more than four points swings between them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Delta:
    """A mean difference of two curves, and the range in which both curves are known."""

    value: float  # The excess of the test over the anchor, in percent of bytes or in dB.
    # Ends of the overlap that it is the mean over: in dB for bytes, in bytes for dB.
    low: float
    high: float


class Curve:
    """A rate-distortion curve.

    Points that another point beats in both bytes and PSNR are not part of it: nobody would choose them.

    Attributes:
        bytes, psnr: the bytes and the PSNR of its points, both ascending.
    """

    def __init__(self, points: Iterable[tuple[float, float]]):
        """`points` are bytes and PSNR in dB in any order; infinite ones are left out."""
        kept: list[tuple[float, float]] = []
        for size, psnr in sorted(((size, psnr) for size, psnr in points if math.isfinite(psnr)), key=_smallest_first):
            if not kept or (psnr > kept[-1][1] and size > kept[-1][0]):
                kept.append((size, psnr))
        self.bytes: Values = np.array([size for size, _ in kept], np.float64)
        self.psnr: Values = np.array([psnr for _, psnr in kept], np.float64)

    def psnr_at(self, size: float) -> float | None:
        """PSNR between the points at some bytes; None outside of them."""
        if len(self.psnr) < 2 or not self.bytes[0] <= size <= self.bytes[-1]:
            return None
        from scipy.interpolate import PchipInterpolator

        return float(PchipInterpolator(np.log(self.bytes), self.psnr)(math.log(size)))


def bd_rate(anchor: Curve, test: Curve) -> Delta | None:
    """Percent of bytes that the test takes beyond the anchor at equal PSNR; negative is a saving.

    Returns:
        The mean over the PSNR that both curves reach, or None where there is none.
    """
    return _delta("bd_rate", anchor, test, anchor.psnr, test.psnr)


def bd_psnr(anchor: Curve, test: Curve) -> Delta | None:
    """dB that the test is above the anchor at equal bytes.

    Returns:
        The mean over the logarithm of the bytes that both curves take, or None where there are none.
    """
    return _delta("bd_psnr", anchor, test, anchor.bytes, test.bytes)


def _delta(function: str, anchor: Curve, test: Curve, anchor_places: Values, test_places: Values) -> Delta | None:
    """The mean difference of two curves over the places that both have, by a function of the package bjontegaard."""
    if len(anchor_places) < 2 or len(test_places) < 2:
        return None
    low, high = max(anchor_places[0], test_places[0]), min(anchor_places[-1], test_places[-1])
    if low >= high:
        return None
    import bjontegaard  # here, since it loads matplotlib

    columns = (anchor.bytes, anchor.psnr, test.bytes, test.psnr)
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    return Delta(float(getattr(bjontegaard, function)(*columns, **options)), float(low), float(high))


def _smallest_first(point: tuple[float, float]) -> tuple[float, float]:
    """Orders points by bytes, and those of equal bytes from the highest PSNR down."""
    return point[0], -point[1]
