"""A family that the package has never heard of works everywhere, once it is registered.

The toy family keeps the mean colour of each of 16x16 cells in whole steps of 8, and draws cells of one colour. It lives
in this file alone: codec, pipelines, plugins and commands find it through the registry.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor

from grain_codec.cli import decode, encode, info
from grain_codec.codec import Codec, load_model
from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.errors import Corrupt, TooLarge, WrongModel
from grain_codec.models.family import Code, Coder, Encoder, ModelFamily, Payload, Request, Rows, Tensors
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.registry import FAMILIES, read_spec, register
from grain_codec.models.spec import Spec
from grain_codec.ops.pixels import image_to_pixels
from grain_codec.runtime.decode_pipeline import DecodePipeline
from grain_codec.settings import EncodeSettings
from grain_codec.weights import network_tensors, write_model

STEP = 8


@dataclass(frozen=True)
class ToySpec(Spec):
    """The family's only sizes."""

    family: ClassVar[str] = "toy"
    fine_qualities: ClassVar[int] = 1
    name: str = "toy"
    image_size: int = 64


@dataclass(frozen=True)
class ToySymbols:
    """Mean colours in steps, uint8 `[16, 16, 3]`."""

    steps: np.ndarray
    fine_quality: ClassVar[int] = 0


class ToyCoder(Coder[ToySymbols]):
    """Payload and record are the steps; the LR image shows them."""

    record_dtype, record_length = np.dtype(np.uint8), LR_SAMPLES

    def encode(self, symbols: ToySymbols) -> Payload:
        return Payload(0, symbols.steps.tobytes().rstrip(b"\0"))

    def decode(self, payload: Payload) -> ToySymbols:
        steps = np.frombuffer(payload.data.ljust(LR_SAMPLES, b"\0"), np.uint8)
        if steps.max() >= 256 // STEP:
            raise Corrupt("there is no such step")
        return ToySymbols(steps.reshape(GRID, GRID, 3))

    def to_lr_image(self, symbols: ToySymbols, payload: Payload | None = None) -> np.ndarray:
        return symbols.steps * STEP

    def from_lr_image(self, pixels: np.ndarray, fine_quality: int | None, tail: bytes = b"") -> tuple[ToySymbols, None]:
        return ToySymbols(pixels // STEP), None

    def pack(self, symbols: ToySymbols) -> np.ndarray:
        return symbols.steps.reshape(-1)

    def describe(self, symbols: ToySymbols, payload: Payload) -> Rows:
        return {"steps": int(symbols.steps.max())}


class ToyNetworks(ReciprocalNetworks):
    """Draws cells of one colour, brightened by a trained number."""

    def __init__(self, spec: ToySpec):
        super().__init__({"rescaling": torch.nn.Linear(1, 1)})
        self.spec = spec

    def draw_records(self, records: Tensor, output: str) -> Tensor:
        cells = records.reshape(-1, GRID, GRID, 3).permute(0, 3, 1, 2).float() * STEP / 255
        return image_to_pixels(torch.nn.functional.interpolate(cells, self.spec.image_size, mode="nearest"))


class ToyEncoder(Encoder[ToySymbols]):
    """One pass and one quality."""

    def __init__(self, coder: ToyCoder):
        self.coder = coder

    def analyse(self, image: Tensor, fine_quality: int = 0) -> ToySymbols:
        mean = torch.nn.functional.adaptive_avg_pool2d(image, GRID)[0].permute(1, 2, 0)
        return ToySymbols((mean * 255 / STEP).to(torch.uint8).numpy())

    def encode(
        self, images: Tensor, requests: Sequence[Request[ToySymbols]], code: Code[ToySymbols] | None = None
    ) -> list[bytes | TooLarge]:
        symbols = [self.analyse(image[None]) for image in images]
        return [request.write(each, self.coder.encode(each)) for request, each in zip(requests, symbols)]


class ToyFamily(ModelFamily[ToySpec, ToySymbols]):
    """The whole of it."""

    spec_type = ToySpec
    training_module = "toy_training"
    without_weights = "the test makes them"

    def coder(self, spec: ToySpec, tensors: Tensors) -> ToyCoder:
        return ToyCoder()

    def build_networks(self, spec: ToySpec, modules: Collection[str]) -> ToyNetworks:
        return ToyNetworks(spec)

    def encoder(self, networks: ReciprocalNetworks, coder: Coder[ToySymbols]) -> ToyEncoder:
        return ToyEncoder(coder)

    def usual_batch(self, device: torch.device) -> int:
        return 2


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A weights file of the family, which is registered meanwhile."""
    register(ToyFamily())
    folder = tmp_path_factory.mktemp("toy")
    yield write_model(folder, ToySpec(), network_tensors(ToyNetworks(ToySpec())), "made by a test")
    del FAMILIES["toy"]


@pytest.fixture(scope="module")
def toy(weights: Path) -> Codec:
    return load_model(str(weights), "cpu")


def flat(pixels: np.ndarray) -> np.ndarray:
    """A face as the family draws it: cells of one colour, in whole steps."""
    mean = pixels.reshape(GRID, 4, GRID, 4, 3).astype(np.float32).mean((1, 3)) / 255
    steps = (torch.from_numpy(mean) * 255 / STEP).to(torch.uint8).numpy() * STEP
    return steps.repeat(4, 0).repeat(4, 1)


def test_its_spec_is_read_by_its_name(weights: Path) -> None:
    assert read_spec(ToySpec(name="other").to_json()) == ToySpec(name="other")


def test_an_unregistered_family_is_refused() -> None:
    with pytest.raises(WrongModel, match="'nobody' is not known|family 'nobody'"):
        read_spec('{"family":"nobody"}')


@pytest.mark.parametrize("carrier", ["grain", "png"])
def test_a_face_comes_back(toy: Codec, small_face: np.ndarray, carrier: str) -> None:
    data = toy.encode(small_face, EncodeSettings(carrier=carrier))
    assert np.abs(toy.decode(data).astype(int) - flat(small_face)).max() <= STEP
    lr = toy.files.lr_image(toy.files.read(data))
    assert lr.shape == (GRID, GRID, 3) and toy.files.describe(toy.files.read(data))["steps"] == lr.max() // STEP


def test_the_pipeline_draws_it_in_batches(toy: Codec, small_face: np.ndarray) -> None:
    files = [toy.encode(face) for face in (small_face, 255 - small_face, small_face[::-1].copy())]
    with DecodePipeline(toy, workers=0) as pipeline:
        assert pipeline.batch_size == 2
        drawn = [face.result for face in pipeline.decode(files, lambda data: pipeline_read(toy, data))]
    assert all(np.array_equal(one, toy.decode(data)) for one, data in zip(drawn, files, strict=True))


def pipeline_read(toy: Codec, data: bytes) -> object:
    from grain_codec.runtime.pipeline import Read

    return Read(toy.files.read(data), None)


def test_the_commands_take_its_weights(
    weights: Path, small_face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(small_face).save("face.png")
    model = ("-m", str(weights))
    for command, arguments in (
        (encode, ["face.png", "-o", "face.grain"]),
        (info, ["face.grain"]),
        (decode, ["face.grain", "-o", "back.png"]),
        (decode, ["face.grain", "--thumbnail", "-o", "thumbnail.png"]),
    ):
        ended = CliRunner().invoke(command.main, [*arguments, *model])
        assert ended.exit_code == 0, ended.output
    assert Image.open("back.png").size == (64, 64) and Image.open("thumbnail.png").size == (16, 16)


def test_a_name_without_weights_is_explained(weights: Path) -> None:
    with pytest.raises(WrongModel, match="the test makes them"):
        load_model("toy", "cpu")


def test_a_damaged_file_is_refused(toy: Codec, small_face: np.ndarray) -> None:
    data = bytearray(toy.encode(small_face))
    data[20] ^= 1
    with pytest.raises(Corrupt):
        toy.decode(bytes(data))
    assert io.BytesIO(data).read() != toy.encode(small_face)
