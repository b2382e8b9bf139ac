"""Distances between an original and what came back of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from grain_codec.benchmarks.metrics import identity
from PIL import Image

from grain_codec.errors import GrainError

if TYPE_CHECKING:
    from grain_codec.training.judges.perceptual import PerceptualDistance

METRICS = ("psnr", "ssim", "ms_ssim", "lpips", "identity", "lr_psnr")
"""Columns of the results table that a run can be asked for."""

QUICK_METRICS = ("psnr", "ssim", "ms_ssim", "lr_psnr")

DESCRIPTIONS = {
    "psnr": "over the RGB samples at full size, in dB; means are of the images' values",
    "ssim": "Wang et al. 2004, 11x11 Gaussian window, sigma 1.5, mean over R, G and B at full size",
    "ms_ssim": "Wang et al. 2003, five scales, mean over R, G and B at full size",
    "lr_psnr": "of a model's LR image against the bicubic antialiased 16x16 downscale, in dB",
}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures of equal shape, over all their samples.

    10 log10(255^2 / mean squared error); infinite for equal pictures.
    """
    # Exact: no square exceeds 65025, and integers of 64 bits hold the sum over any picture.
    difference = np.subtract(one, other, dtype=np.int32)
    error = float(np.sum(difference * difference, dtype=np.int64)) / difference.size
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def thumbnail_of(pixels: np.ndarray) -> np.ndarray:
    """The antialiased 16x16 downscale (bicubic) that the LR image is held against."""
    return np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BICUBIC))


def choose_metrics(asked: Sequence[str], lpips_weights: Sequence[str], quick: bool = False) -> tuple[str, ...]:
    """The metrics of a run: those asked for, or all that can be measured here.

    Args:
        asked: names; ms-ssim is ms_ssim. Empty for the default.
        lpips_weights: the weights files that LPIPS needs; none for no LPIPS.
        quick: leaves the slow ones out of the default.

    Raises:
        GrainError: a name is unknown, or what a metric needs is missing; the text tells what.
    """
    names = [name.lower().replace("-", "_") for name in asked]
    for name in names:
        if name not in METRICS:
            raise GrainError(f"unknown metric {name!r}; there are {', '.join(METRICS)}")
    if "lpips" in names and not lpips_weights:
        raise GrainError("lpips needs a weights file: --lpips-weights FILE")
    if "identity" in names:
        identity.require()
    if not names:
        names = list(QUICK_METRICS if quick else METRICS)
        if not identity.available():
            names = [name for name in names if name != "identity"]
    if not lpips_weights:
        names = [name for name in names if name != "lpips"]
    elif "lpips" not in names:
        names.append("lpips")
    # What every table, curve and search is sorted by.
    return tuple(name for name in METRICS if name in {*names, "psnr"})


class Judge:
    """Compares pictures with one original after another."""

    def __init__(self, metrics: Sequence[str], lpips_weights: Sequence[str] = ()):
        """`metrics` as from `choose_metrics`."""
        self._metrics = metrics
        self._perceptual = perceptual_distance(tuple(lpips_weights))[0] if "lpips" in metrics else None
        self._original: Original | None = None

    def original(self, pixels: np.ndarray) -> Original:
        """The original uint8 `[S, S, 3]`; that of the last call is kept."""
        if self._original is None or self._original.pixels is not pixels:
            self._original = Original(pixels, self._metrics, self._perceptual)
        return self._original


class Original:
    """An original, with all that its comparisons with other pictures share."""

    def __init__(self, pixels: np.ndarray, metrics: Sequence[str], perceptual: PerceptualDistance | None):
        self.pixels = pixels
        self._metrics, self._perceptual = metrics, perceptual
        self._thumbnail = thumbnail_of(pixels)
        if self._wants_structure:
            from grain_codec.benchmarks.metrics.structural_similarity import scales_of

            self._scales = scales_of(pixels)
        if perceptual is not None:
            self._features = _features(perceptual, pixels)
        if "identity" in metrics:
            self._face = identity.OriginalFace(pixels)

    @property
    def _wants_structure(self) -> bool:
        return "ssim" in self._metrics or "ms_ssim" in self._metrics

    @property
    def face_found(self) -> bool:
        """Whether the identity metric saw a face; true where it was not asked."""
        return "identity" not in self._metrics or self._face.found

    def measure(self, decoded: np.ndarray, low_resolution: np.ndarray | None = None) -> dict[str, float]:
        """The metrics of a decoded picture uint8 `[S, S, 3]`, and of its LR image where there is one."""
        values = {"psnr": psnr(decoded, self.pixels)}
        if self._wants_structure:
            from grain_codec.benchmarks.metrics.structural_similarity import similarities

            values["ssim"], values["ms_ssim"] = similarities(self._scales, decoded)
        if self._perceptual is not None:
            features = _features(self._perceptual, decoded)
            values["lpips"] = float(self._perceptual.distance(self._features, features))
        if "identity" in self._metrics:
            values["identity"] = self._face.distance(decoded)
        if low_resolution is not None:
            values["lr_psnr"] = psnr(low_resolution, self._thumbnail)
        return {name: value for name, value in values.items() if name in self._metrics}


@lru_cache(maxsize=1)
def perceptual_distance(weights: tuple[str, ...]) -> tuple[PerceptualDistance, str]:
    """LPIPS with the weights in files, and its name; see `read_perceptual_distance` for what it raises."""
    from grain_codec.benchmarks.metrics.perceptual_distance import read_perceptual_distance

    return read_perceptual_distance([Path(path) for path in weights])


def describe_metrics(metrics: Sequence[str], lpips_weights: Sequence[str]) -> dict[str, str]:
    """How each metric is computed, in words."""
    texts = {name: DESCRIPTIONS[name] for name in metrics if name in DESCRIPTIONS}
    if "lpips" in metrics:
        texts["lpips"] = perceptual_distance(tuple(lpips_weights))[1]
    if "identity" in metrics and find_spec("dlib"):
        texts["identity"] = f"{identity.describe()}, Euclidean; one person below {identity.SAME_PERSON}"
    return texts


def _features(perceptual: PerceptualDistance, pixels: np.ndarray) -> list:
    """What LPIPS compares of a picture uint8 `[S, S, 3]`."""
    import torch
    from grain_codec.benchmarks.metrics.perceptual_distance import SIDE, as_input

    shrunk = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    with torch.inference_mode():
        return perceptual.features(as_input(np.array(shrunk)))
