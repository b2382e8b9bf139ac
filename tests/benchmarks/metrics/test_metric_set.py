"""Which metrics a run takes, and that they are measured on the pictures they should be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks import packages
from grain_codec.benchmarks.metrics.metric_set import METRICS, MetricSet, choose_metrics, describe_metrics
from grain_codec.benchmarks.metrics.psnr import psnr, thumbnail_of
from grain_codec.benchmarks.packages import PackageMissing
from grain_codec.errors import GrainError


@pytest.fixture(scope="module")
def pair(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A face at 256 px, and the same seen through 32 px."""
    one = Image.fromarray(face).resize((256, 256), Image.Resampling.LANCZOS)
    return np.array(one), np.array(one.resize((32, 32)).resize(one.size))


def test_names_are_taken_as_users_write_them() -> None:
    assert choose_metrics(["MS-SSIM"], []) == ("psnr", "ms_ssim")


def test_lpips_is_measured_when_there_are_weights() -> None:
    assert "lpips" not in choose_metrics([], [])
    chosen = choose_metrics([], ["alex.pth"], quick=True)
    assert chosen == ("psnr", "ssim", "ms_ssim", "lpips", "lpips_full", "lr_psnr", "detail")
    for name in ("lpips", "lpips_full"):
        with pytest.raises(GrainError, match="--lpips-weights"):
            choose_metrics([name], [])


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(GrainError, match="unknown metric 'vmaf'; there are psnr"):
        choose_metrics(["vmaf"], [])


@pytest.mark.parametrize(("name", "package"), [("identity", "dlib-bin"), ("ssim", "pytorch-msssim")])
def test_what_needs_packages_is_measured_when_they_are_there(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert name not in choose_metrics([], [])
    with pytest.raises(PackageMissing, match=f'pip install .*"{package}'):
        choose_metrics([name], [])


def test_only_what_was_chosen_is_measured(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = pair
    values = MetricSet(("psnr", "ms_ssim", "lr_psnr")).original(one).measure(other, thumbnail_of(other))
    assert list(values) == ["psnr", "ms_ssim", "lr_psnr"]
    assert values["psnr"] == psnr(one, other)
    assert values["lr_psnr"] == psnr(thumbnail_of(one), thumbnail_of(other))
    assert "lr_psnr" not in MetricSet(("psnr", "lr_psnr")).original(one).measure(other)


def test_detail_is_measured_in_four_octaves(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = pair
    values = MetricSet(("detail",)).original(one).measure(other)
    assert [name for name in values if name.startswith("detail_")] == [
        f"detail_{lines}" for lines in (1024, 512, 256, 128)
    ]


def test_each_original_is_its_own(pair: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = MetricSet(("psnr", "ssim"))
    one, other = pair
    assert metrics.original(one).measure(one)["ssim"] == pytest.approx(1)
    assert metrics.original(other).measure(one)["ssim"] < 0.9
    assert metrics.original(one).measure(one)["ssim"] == pytest.approx(1)


def test_every_metric_is_described() -> None:
    assert set(describe_metrics([name for name in METRICS if not name.startswith("lpips")], [])) >= {
        "psnr",
        "ssim",
        "ms_ssim",
    }
