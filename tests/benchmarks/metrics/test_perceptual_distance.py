"""LPIPS gives what the authors' code gives for the same weights; files that hold no such weights are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from grain_codec.benchmarks.metrics.perceptual_distance import as_input, read_perceptual_distance
from grain_codec.errors import WrongModel

PLAIN = ("slice1.0", "slice2.3", "slice3.6", "slice4.8", "slice5.10")
SHIFT_TOLERANT = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
BLURS = {"slice1.1": 64, "slice2.4": 64, "slice3.8": 192}
SHAPES = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))


def weights(convolutions: tuple[str, ...], blurs: dict[str, int] | None = None) -> dict[str, Tensor]:
    """Random weights in AlexNet's shapes: outputs, inputs and side of each convolution."""
    random = np.random.default_rng(7)
    tensors = {}
    for name, (outputs, inputs, side) in zip(convolutions, SHAPES, strict=True):
        scale = np.float32((2 / (inputs * side * side)) ** 0.5)
        tensors[f"net.{name}.weight"] = random.standard_normal((outputs, inputs, side, side), np.float32) * scale
        tensors[f"net.{name}.bias"] = random.standard_normal(outputs, np.float32) * np.float32(0.1)
    for level, (outputs, _, _) in enumerate(SHAPES):
        tensors[f"lin{level}.model.1.weight"] = random.random((1, outputs, 1, 1), np.float32)
    taps = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
    for name, channels in (blurs or {}).items():
        tensors[f"net.{name}.filt"] = np.tile(taps, (channels, 1, 1, 1))
    return {name: torch.from_numpy(value) for name, value in tensors.items()}


def pictures() -> tuple[Tensor, Tensor]:
    row, column = np.mgrid[0:96, 0:96].astype(np.float32)
    one = np.stack([row * 2, column * 2, row + column], -1).astype(np.uint8)
    return as_input(one), as_input(np.roll(one, 9, 0) // 2 + 40)


@pytest.mark.parametrize(
    ("convolutions", "blurs", "golden", "name"),
    [
        pytest.param(PLAIN, None, 0.5792366, "LPIPS, AlexNet, 256 px", id="the lpips package 0.1.4"),
        pytest.param(SHIFT_TOLERANT, BLURS, 0.6635459, "shift-tolerant LPIPS, AlexNet, 256 px", id="shift-tolerant"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_distance_is_that_of_the_reference(
    tmp_path: Path, convolutions: tuple[str, ...], blurs: dict[str, int] | None, golden: float, name: str, suffix: str
) -> None:
    """The second value is that of a port that agrees with the authors' code under the authors' weights."""
    path = written(tmp_path / f"alex{suffix}", weights(convolutions, blurs))
    lpips, found_name = read_perceptual_distance([path])
    one, other = (lpips.features(picture) for picture in pictures())
    assert float(lpips.distance(one, other)) == pytest.approx(golden, rel=1e-4)
    assert float(lpips.distance(one, one)) == 0
    assert found_name.startswith(name)


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)
    return path


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 torn"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_files_are_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"alex{suffix}"
    path.write_bytes(content)
    with pytest.raises(WrongModel, match="alex"):
        read_perceptual_distance([path])


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "alex.pth"
    torch.save({"net": Path("/")}, path)
    with pytest.raises(WrongModel, match="alex"):
        read_perceptual_distance([path])


def test_missing_and_misshapen_tensors_are_refused(tmp_path: Path) -> None:
    tensors = weights(PLAIN)
    headless = {name: value for name, value in tensors.items() if name != "lin4.model.1.weight"}
    with pytest.raises(WrongModel, match=r"lin4\.model\.1\.weight is missing"):
        read_perceptual_distance([written(tmp_path / "headless.safetensors", headless)])
    misshapen = {**tensors, "net.slice2.3.weight": torch.zeros(192, 2, 3, 3)}
    with pytest.raises(WrongModel, match="no AlexNet"):
        read_perceptual_distance([written(tmp_path / "misshapen.safetensors", misshapen)])
