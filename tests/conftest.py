"""Faces and the shipped codec, for every test that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from grain_codec.codec import Codec, load_model
from grain_codec.formats.images.reading import read_face
from grain_codec.models.face1024 import search
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.weights import network_tensors, write_model

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="session", autouse=True)
def short_search() -> Iterator[None]:
    """Lets every search end after one round, since most tests encode only to have a file; test_search.py undoes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "EFFORTS", tuple(search.Effort(min(effort.rounds, 1)) for effort in search.EFFORTS))
        yield


@pytest.fixture(scope="session")
def faces() -> dict[str, np.ndarray]:
    """The example faces by name, uint8 `[1024, 1024, 3]`."""
    return {path.stem: read_face(path.read_bytes(), path.name) for path in sorted(EXAMPLES.glob("*.jpg"))}


@pytest.fixture(scope="session")
def face(faces: dict[str, np.ndarray]) -> np.ndarray:
    """One of them."""
    return faces["anna"]


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The shipped model on the CPU."""
    return load_model(device="cpu")


@pytest.fixture(scope="session")
def small_networks() -> Grain2022:
    """Networks of the published kind for 64 px faces, with random weights and LR images full of contrast."""
    spec = Grain2022Spec(
        image_size=64,
        width=8,
        growth=4,
        encoder_blocks=1,
        decoder_blocks=(1, 1, 1),
        generator_channels=(16, 16, 16, 16, 8),
        code_channels=16,
        mapping_layers=2,
    )
    torch.manual_seed(0)
    networks = Grain2022(spec).eval().requires_grad_(False)
    networks.rescaling.enc.out[2].weight.mul_(30)
    networks.prior.latent_avg.normal_()
    for layer in (networks.prior.decoder.conv1, *networks.prior.decoder.convs):
        layer.noise.weight.fill_(0.2)
    return networks


@pytest.fixture(scope="session")
def small_weights(small_networks: Grain2022, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their weights file."""
    folder = tmp_path_factory.mktemp("models")
    return write_model(folder, small_networks.spec, network_tensors(small_networks), "made by a test")


@pytest.fixture(scope="session")
def small_face(face: np.ndarray) -> np.ndarray:
    """An example face, uint8 `[64, 64, 3]`."""
    return np.array(Image.fromarray(face).resize((64, 64), Image.Resampling.LANCZOS))
