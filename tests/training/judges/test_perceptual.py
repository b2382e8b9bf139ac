"""LPIPS, against distances that the `lpips` package gave for the same weights and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.training.judges.perceptual import load_perceptual

SHAPES = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
SLICED = {0: "slice1.0", 3: "slice2.3", 6: "slice3.6", 8: "slice4.8", 10: "slice5.10"}

EXPECTED = (0.18654096126556396, 0.18743018805980682)
"""lpips 0.1.4, LPIPS(net="alex") on AlexNet of torchvision 0.29, given `alexnet()`, `heads()` and `pictures()`."""


EXPECTED_SHIFT_TOLERANT = (0.31763193011283875, 0.32769647240638733)
"""An implementation by other hands, tried against the authors' package, given `shift_tolerant()` and `pictures()`."""


def samples(shape: tuple[int, ...], start: int, scale: float) -> Tensor:
    """Numbers without a pattern, from arithmetic that is the same everywhere."""
    index = np.arange(int(np.prod(shape)), dtype=np.float64) + start
    return torch.from_numpy((np.sin(index * 12.9898) * 43758.5453 % 1 * 2 - 1) * scale).float().reshape(shape)


def alexnet() -> dict[str, Tensor]:
    """An AlexNet under torchvision's keys."""
    tensors: dict[str, Tensor] = {}
    for layer, shape in SHAPES.items():
        fan_in = int(np.prod(shape[1:]))
        tensors[f"features.{layer}.weight"] = samples(shape, len(tensors) * 1000, (6 / fan_in) ** 0.5)
        tensors[f"features.{layer}.bias"] = samples(shape[:1], len(tensors) * 1000, 0.06**0.5)
    return tensors


def heads() -> dict[str, Tensor]:
    shapes = [shape[0] for shape in SHAPES.values()]
    return {f"lin{n}.model.1.weight": samples((1, width, 1, 1), 7000 + n, 0.5).abs() for n, width in enumerate(shapes)}


def pictures() -> tuple[Tensor, Tensor]:
    one = samples((2, 3, 64, 64), 5, 1.0)
    return one, samples((2, 3, 64, 64), 77, 1.0) * 0.5 + one * 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights in the layouts in which they are published."""
    folder = tmp_path_factory.mktemp("lpips")
    torch.save({**alexnet(), "classifier.1.weight": torch.zeros(1)}, folder / "alexnet.pth")
    torch.save(heads(), folder / "heads.pth")
    sliced = {f"net.{SLICED[int(name.split('.')[1])]}.{name.split('.')[2]}": value for name, value in alexnet().items()}
    torch.save({**sliced, **heads(), "scaling_layer.shift": torch.zeros(1, 3, 1, 1)}, folder / "both.pth")
    return folder


@pytest.mark.parametrize("files", [["alexnet.pth", "heads.pth"], ["both.pth"]])
def test_both_layouts_give_the_reference_distances(folder: Path, files: list[str]):
    distance = load_perceptual([folder / file for file in files])
    assert distance(*pictures()).tolist() == pytest.approx(EXPECTED, rel=1e-4)


def test_it_is_computed_in_full_precision_under_autocast(folder: Path):
    distance = load_perceptual([folder / "both.pth"])
    with torch.autocast("cpu", torch.bfloat16):
        assert distance(*pictures()).tolist() == pytest.approx(EXPECTED, rel=1e-4)


def test_equal_pictures_have_no_distance_and_a_finite_gradient(folder: Path):
    distance = load_perceptual([folder / "both.pth"])
    one = torch.zeros(1, 3, 64, 64, requires_grad=True)
    found = distance(one, torch.zeros(1, 3, 64, 64))
    found.sum().backward()
    assert float(found.detach()) == 0 and bool(one.grad.isfinite().all())
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def shift_tolerant() -> dict[str, Tensor]:
    """A narrow network of the shift-tolerant variant's layout, with filters that average."""
    widths = {"slice1.0": (4, 3, 11), "slice2.5": (6, 4, 5), "slice3.9": (8, 6, 3), "slice4.11": (5, 8, 3)}
    widths["slice5.13"] = (5, 5, 3)
    tensors: dict[str, Tensor] = {}
    for index, (name, (out, into, side)) in enumerate(widths.items()):
        tensors[f"net.{name}.weight"] = samples((out, into, side, side), index, 0.2)
        tensors[f"net.{name}.bias"] = samples((out,), 50 + index, 0.2)
        tensors[f"lin{index}.model.1.weight"] = torch.ones(1, out, 1, 1)
    taps = torch.tensor([1.0, 2.0, 1.0])
    for name, width in {"slice1.1": 4, "slice2.4": 4, "slice3.8": 6}.items():
        tensors[f"net.{name}.filt"] = taps.outer(taps).expand(width, 1, 3, 3) / 16
    return tensors


def test_the_shift_tolerant_variant_gives_the_reference_distances(tmp_path: Path):
    torch.save(shift_tolerant(), tmp_path / "shift.pth")
    found = load_perceptual([tmp_path / "shift.pth"])(*pictures())
    assert found.tolist() == pytest.approx(EXPECTED_SHIFT_TOLERANT, rel=1e-4)


def test_the_shift_tolerant_variant_tolerates_shifts(tmp_path: Path, folder: Path):
    """A shift by a pixel moves it less, against what unlike pictures measure, than it moves the plain distance."""
    torch.save(shift_tolerant(), tmp_path / "shift.pth")
    wide, other = (F.interpolate(samples((1, 3, 12, 12), start, 1.0), (72, 72), mode="bilinear") for start in (3, 99))
    one, shifted, other = wide[..., 4:68, 4:68], wide[..., 4:68, 5:69], other[..., 4:68, 4:68]
    shares = []
    for path in (tmp_path / "shift.pth", folder / "both.pth"):
        distance = load_perceptual([path])
        shares.append(float(distance(one, shifted) / distance(one, other)))
    assert 0 < shares[0] < shares[1]


def test_what_is_missing_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(WrongModel, match=r"alexnet\.pth.*lin0"):
        load_perceptual([folder / "alexnet.pth"])
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WrongModel, match=r"text\.pth"):
        load_perceptual([tmp_path / "text.pth"])


def test_heads_of_another_network_are_refused(folder: Path, tmp_path: Path):
    torch.save({**heads(), "lin2.model.1.weight": torch.zeros(1, 7, 1, 1)}, tmp_path / "heads.pth")
    with pytest.raises(WrongModel, match="another network"):
        load_perceptual([folder / "alexnet.pth", tmp_path / "heads.pth"])
