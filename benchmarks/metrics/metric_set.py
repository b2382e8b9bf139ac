"""The metrics of a run, and the original that pictures are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from grain_codec.benchmarks.metrics import detail, identity
from grain_codec.benchmarks.metrics.psnr import psnr, thumbnail_of
from grain_codec.benchmarks.packages import installed, require
from grain_codec.codec import Pixels
from grain_codec.errors import GrainError

if TYPE_CHECKING:
    from torch import Tensor

    from grain_codec.training.judges.perceptual import PerceptualDistance

METRICS = ("psnr", "ssim", "ms_ssim", "lpips", "lpips_full", "identity", "lr_psnr", "detail")
"""Columns of the results table that a run can be asked for."""

PERCEPTUAL = ("lpips", "lpips_full")
SLOW_METRICS = (*PERCEPTUAL, "identity")
SIMILARITIES = ("ssim", "ms_ssim")
SIMILARITY_PACKAGE = "pytorch_msssim"

DESCRIPTIONS = {
    "psnr": "over the RGB samples at full size, in dB; means are of the images' values",
    "ssim": "Wang et al. 2004, 11x11 Gaussian window, sigma 1.5, mean over R, G and B at full size",
    "ms_ssim": "Wang et al. 2003, five scales, mean over R, G and B at full size",
    "detail": "contrast over the original's in each octave up to 1024, 512, 256 and 128 lines, middle of the face",
    "lr_psnr": "of a model's LR image against the bicubic antialiased 16x16 downscale, in dB",
}


def choose_metrics(asked: Sequence[str], lpips_weights: Sequence[str], quick: bool = False) -> tuple[str, ...]:
    """The metrics of a run: those asked for, or all that can be measured here.

    Args:
        asked: names, also as users write them, such as ms-ssim. Empty for the default.
        lpips_weights: the weights files that LPIPS needs; with them LPIPS is always measured.
        quick: leaves the slow ones out of the default.

    Raises:
        GrainError: a name is unknown, or what a metric needs is missing; the text tells what.
    """
    names = {name.lower().replace("-", "_"): name for name in asked}
    for name in names:
        if name not in METRICS:
            raise GrainError(f"unknown metric {name!r}; there are {', '.join(METRICS)}")
    if names.keys() & set(PERCEPTUAL) and not lpips_weights:
        raise GrainError("lpips needs a weights file: --lpips-weights FILE")
    if "identity" in names:
        identity.require_packages()
    if names.keys() & set(SIMILARITIES):
        require("SSIM needs one more package", "bench", SIMILARITY_PACKAGE)
    # PSNR is what every table, curve and search is sorted by.
    chosen = {*(names or _default_metrics(quick)), "psnr", *(PERCEPTUAL if lpips_weights else [])}
    return tuple(name for name in METRICS if name in chosen)


def _default_metrics(quick: bool) -> list[str]:
    """The metrics that need no file and whose packages are installed."""
    names = [name for name in METRICS if name not in PERCEPTUAL and not (quick and name in SLOW_METRICS)]
    if not identity.available():
        names = [name for name in names if name != "identity"]
    return names if installed(SIMILARITY_PACKAGE) else [name for name in names if name not in SIMILARITIES]


def describe_metrics(metrics: Sequence[str], lpips_weights: Sequence[str]) -> dict[str, str]:
    """How each metric is computed, in words."""
    texts = {name: DESCRIPTIONS[name] for name in metrics if name in DESCRIPTIONS}
    if "lpips" in metrics:
        texts["lpips"] = _perceptual_distance(tuple(lpips_weights))[1]
    if "lpips_full" in metrics:
        texts["lpips_full"] = "the same network on the middle of the face at full size"
    if "identity" in metrics and installed("dlib"):
        texts["identity"] = f"{identity.describe()}, Euclidean; one person below {identity.SAME_PERSON}"
    return texts


class MetricSet:
    """Some metrics, which compare pictures with one original after another."""

    def __init__(self, metrics: Sequence[str], lpips_weights: Sequence[str] = ()):
        """`metrics` as from `choose_metrics`."""
        self._metrics = metrics
        measures_lpips = set(PERCEPTUAL) & set(metrics)
        self._perceptual = _perceptual_distance(tuple(lpips_weights))[0] if measures_lpips else None
        self._original: Original | None = None

    def original(self, pixels: Pixels) -> Original:
        """The original uint8 `[S, S, 3]`; that of the last call is kept."""
        if self._original is None or self._original.pixels is not pixels:
            self._original = Original(pixels, self._metrics, self._perceptual)
        return self._original


class Original:
    """An original, with all that its comparisons with other pictures share."""

    def __init__(self, pixels: Pixels, metrics: Sequence[str], perceptual: PerceptualDistance | None):
        """See `MetricSet.original`."""
        self.pixels, self._metrics, self._perceptual = pixels, metrics, perceptual
        self._thumbnail = thumbnail_of(pixels)
        self._contrasts = detail.contrasts(pixels) if "detail" in metrics else None
        self._features = {
            name: _features(perceptual, pixels, name)
            for name in PERCEPTUAL
            if perceptual is not None and name in metrics
        }
        self._face = identity.OriginalFace(pixels) if "identity" in metrics else None

    @property
    def face_found(self) -> bool:
        """Tells whether the identity metric found a face; it is true where that metric was not asked for."""
        return self._face is None or self._face.found

    def measure(self, decoded: Pixels, low_resolution: Pixels | None = None) -> dict[str, float]:
        """The metrics of a decoded picture uint8 `[S, S, 3]`, and of its LR image where there is one."""
        values = {"psnr": psnr(decoded, self.pixels)}
        if set(SIMILARITIES) & set(self._metrics):
            from grain_codec.benchmarks.metrics import structural_similarity

            if "ssim" in self._metrics:
                values["ssim"] = structural_similarity.ssim(self.pixels, decoded)
            if "ms_ssim" in self._metrics:
                values["ms_ssim"] = structural_similarity.ms_ssim(self.pixels, decoded)
        for name, features in self._features.items():
            assert self._perceptual is not None
            of_decoded = _features(self._perceptual, decoded, name)
            values[name] = float(self._perceptual.distance(features, of_decoded))
        if self._contrasts is not None:
            values |= detail.kept(decoded, self._contrasts)
        if self._face is not None:
            values["identity"] = self._face.distance(decoded)
        if low_resolution is not None and "lr_psnr" in self._metrics:
            values["lr_psnr"] = psnr(low_resolution, self._thumbnail)
        return values


@lru_cache(maxsize=1)
def _perceptual_distance(weights: tuple[str, ...]) -> tuple[PerceptualDistance, str]:
    """LPIPS with the weights in files, and its name; see `read_perceptual_distance` for what it raises."""
    from grain_codec.benchmarks.metrics.perceptual_distance import read_perceptual_distance

    return read_perceptual_distance([Path(path) for path in weights])


def _features(perceptual: PerceptualDistance, pixels: Pixels, metric: str) -> list[Tensor]:
    """The feature maps that LPIPS compares, of a picture uint8 `[S, S, 3]`: shrunk, or its middle at full size."""
    import torch

    from grain_codec.benchmarks.metrics.perceptual_distance import SIDE, as_input

    if metric == "lpips_full":
        seen = detail.middle(pixels)
    else:
        seen = np.array(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    with torch.inference_mode():
        return perceptual.features(as_input(seen))
