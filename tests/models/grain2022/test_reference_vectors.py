"""The networks compute what the published program computes, for weights and a picture that formulas give.

`reference_vectors.npz` holds its outputs in float32 on a CPU, without noise and with the quantiser that
rounds: `lr`, `lr_quantised`; `hr1`, `hr2`, `hr3`, which are `rescaled`, `prior` and `fused` at every
16th row and column; `codes`, before the mean code is added; mean and standard deviation of the feature
maps of the rescaling module, `f0_stats` to `f6_stats`, and of the generator, `g256_stats` and so on.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec

REFERENCE = Path(__file__).with_name("reference_vectors.npz")

TOLERANCE = 1e-3
"""Of the largest difference, in standard deviations of the reference."""

COMPUTED = [
    *("lr", "lr_quantised", "codes", "hr1", "hr2", "hr3"),
    *(f"f{scale}_stats" for scale in range(7)),
    *(f"g{size}_stats" for size in (256, 512, 1024)),
]

SIZE = 1024
SAMPLED = slice(8, None, 16)
"""Rows and columns of the pictures that the reference holds."""


def normal(key: str, shape: torch.Size) -> Tensor:
    """Standard normal numbers that a key determines."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    return torch.from_numpy(generator.standard_normal(tuple(shape)).astype(np.float32))


def weight(key: str, tensor: Tensor) -> Tensor:
    """The stated value of a state-dict entry; filters and noise maps stay as they are."""
    if key.endswith("kernel") or key.startswith("decoder.noises."):
        return tensor
    if key.startswith("decoder.") and key.endswith("noise.weight"):
        return torch.zeros_like(tensor)
    numbers = normal(key, tensor.shape)
    if key.endswith("bias"):
        return 0.05 * numbers + (key.startswith("decoder.") and key.endswith("modulation.bias"))
    if key.startswith("decoder."):
        return numbers
    return numbers * tensor.shape[1:].numel() ** -0.5


def stated_picture() -> Tensor:
    """`[1, 3, 1024, 1024]` in [-1, 1]."""
    channel, row, column = np.ogrid[1:4, :SIZE, :SIZE]
    picture = np.sin(0.01 * channel * row + 0.02 * column) * np.cos(0.005 * (row + column) * channel)
    return torch.from_numpy(picture.astype(np.float32))[None]


def stated_network() -> Grain2022:
    """The whole, with the stated weights and mean code."""
    grain = Grain2022(Grain2022Spec()).eval()
    for module in (grain.rescaling, grain.prior, grain.fusion):
        for key, tensor in module.state_dict().items():
            tensor.copy_(weight(key, tensor))
    grain.prior.latent_avg.copy_(normal("latent_avg", grain.prior.latent_avg.shape))
    return grain


def statistics(features: Tensor) -> np.ndarray:
    """Mean and standard deviation."""
    return np.array([features.mean().item(), features.std().item()])


def record_inner(grain: Grain2022, found: dict[str, np.ndarray]) -> None:
    """Has what passes between the modules noted at their next call."""

    def note_features(module: nn.Module, inputs: tuple[Tensor], output: tuple[Tensor, list[Tensor]]) -> None:
        found.update({f"f{scale}_stats": statistics(features) for scale, features in enumerate(output[1])})

    def note_codes(module: nn.Module, inputs: tuple[list[Tensor]], output: Tensor) -> None:
        found["codes"] = output[0].numpy().copy()

    def note_generated(module: nn.Module, inputs: tuple[Tensor], output: tuple[Tensor, list[Tensor]]) -> None:
        found.update({f"g{features.shape[-1]}_stats": statistics(features) for features in output[1]})

    grain.rescaling.dec.register_forward_hook(note_features)
    grain.prior.encoder.register_forward_hook(note_codes)
    grain.prior.decoder.register_forward_hook(note_generated)


def compute() -> dict[str, np.ndarray]:
    """Every array of the reference, under its name there."""
    arrays: dict[str, np.ndarray] = {}
    with torch.inference_mode():
        grain = stated_network()
        record_inner(grain, arrays)
        lr = grain.encode(stated_picture())
        quantised = grain.quantise(lr)
        arrays["lr"], arrays["lr_quantised"] = lr[0].numpy(), quantised[0].numpy()
        for name, picture in zip(("hr1", "hr2", "hr3"), grain.decode(quantised), strict=True):
            arrays[name] = picture[0, :, SAMPLED, SAMPLED].numpy().copy()
    return arrays


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    """What every comparison looks at; it takes a minute, so it is computed once."""
    return compute()


def largest_difference(found: np.ndarray, reference: np.ndarray) -> float:
    """In standard deviations of the reference."""
    return float(np.abs(found - reference).max() / reference.std())


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPUTED)
def test_computes_what_the_published_program_computes(found: dict[str, np.ndarray], name: str) -> None:
    with np.load(REFERENCE) as reference:
        assert found[name].shape == reference[name].shape
        assert largest_difference(found[name], reference[name]) < TOLERANCE


def test_the_stated_mean_code_is_the_reference_s() -> None:
    with np.load(REFERENCE) as reference:
        np.testing.assert_array_equal(normal("latent_avg", torch.Size([512])).numpy(), reference["latent_avg"])


def test_every_array_of_the_reference_is_compared() -> None:
    with np.load(REFERENCE) as reference:
        assert set(reference) == {*COMPUTED, "latent_avg"}
