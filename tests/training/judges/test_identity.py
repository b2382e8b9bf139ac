"""Distances of persons: dlib's recogniser against a reference, and the published one in its official layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from grain_codec.errors import WrongModel
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.identity_network import IRSE50

EXPECTED = (75.26066589355469, 92.37537384033203)
"""An implementation by other hands, tried against dlib itself, given `recogniser()` and `pictures()`."""


def samples(shape: tuple[int, ...], start: int, scale: float) -> Tensor:
    """Numbers without a pattern, from arithmetic that is the same everywhere."""
    index = np.arange(int(np.prod(shape)), dtype=np.float64) + start
    return torch.from_numpy((np.sin(index * 12.9898) * 43758.5453 % 1 * 2 - 1) * scale).float().reshape(shape)


def pictures() -> tuple[Tensor, Tensor]:
    one = samples((2, 3, 64, 64), 5, 1.0)
    return one, samples((2, 3, 64, 64), 77, 1.0) * 0.5 + one * 0.5


def recogniser() -> dict[str, Tensor]:
    """A narrow network in the layout of dlib's, widths growing at the same places."""
    tensors: dict[str, Tensor] = {}
    channels = 3
    for index, width in enumerate([4] * 7 + [6] * 8 + [8] * 6 + [10] * 8):
        side = 3 if index else 7
        scale = (6 / (channels * side * side)) ** 0.5
        tensors[f"conv{index}.weight"] = samples((width, channels, side, side), 100 * index, scale)
        tensors[f"conv{index}.bias"] = samples((width,), 7 * index, 0.2)
        tensors[f"affine{index}.gamma"] = 1 + samples((width,), 3 * index, 0.2)
        tensors[f"affine{index}.beta"] = samples((width,), 11 * index, 0.2)
        channels = width
    tensors["fc.weight"] = samples((16, 10), 1, 1.0)
    return tensors


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    save_file(recogniser(), tmp_path / "recogniser.safetensors")
    return tmp_path / "recogniser.safetensors"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IR-SE50 with fresh weights in the layout of `model_ir_se50.pth`: a flat state dict."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("identity") / "model_ir_se50.pth"
    torch.save(IRSE50().state_dict(), path)
    return path


def test_dlibs_recogniser_gives_the_reference_distances(chips: Path):
    assert load_identity(chips)(*pictures()).tolist() == pytest.approx(EXPECTED, rel=1e-4)


def test_only_the_face_counts(chips: Path):
    """What lies outside the rectangle that dlib looks at changes nothing."""
    one, other = pictures()
    changed = one.clone()
    changed[..., :16, :] = changed[..., :, :10] = 1.0
    distance = load_identity(chips)
    assert torch.equal(distance(changed, other), distance(one, other))


def test_the_published_recogniser(official: Path):
    """The same face has distance zero; the distance is one minus the cosine, and its gradient goes to one side."""
    distance = load_identity(official)
    one, other = (picture[:1].clone().requires_grad_() for picture in pictures())
    assert distance(one, one.detach()).item() == pytest.approx(0, abs=1e-5)
    found = distance(one, other)
    assert 0 < found.item() < 2
    found.sum().backward()
    assert one.grad.abs().max() > 0 and other.grad is None
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def test_a_file_of_another_kind_is_named(tmp_path: Path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WrongModel, match=r"other\.pth.*no recogniser"):
        load_identity(tmp_path / "other.pth")
