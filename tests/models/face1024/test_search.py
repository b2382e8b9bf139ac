"""The encoder-side search: nearer in no more bytes, never worse, and for many faces at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.codec import Codec, FileCodec
from grain_codec.coding import lr_image
from grain_codec.errors import TooLarge
from grain_codec.models.face1024 import search
from grain_codec.models.face1024.encoder import FILLED_HEAD, Face1024Encoder
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.rescaling import Analysis, Rescaling
from grain_codec.models.face1024.search import EFFORTS, WHOLE_EFFORT, Candidate, Search, SearchLimits
from grain_codec.models.family import Request
from grain_codec.settings import DEFAULT_EFFORT, MOST_EFFORT, DecodeSettings, EncodeSettings
from grain_codec.weights import read_model

TINY_TABLES = Path(__file__).parents[2] / "golden" / "tiny-tables.safetensors"
ASKED = ((80, 400, 3), (80, 215, 3), (27, None, 3), (80, 2, 3), (27, None, 0), (80, 220, 3))
"""Quality, most bytes and effort of each face of a batch; the fourth does not fit."""


class OneByOne(Rescaling):
    """Analyses the faces of a batch one by one, so that their sums have one order whatever is beside them."""

    def analyse(self, thumbnail: Tensor, view: Tensor, step: Tensor) -> Analysis:
        """See `Rescaling`."""
        faces = zip(thumbnail.split(1), view.split(1), step.split(1))
        found = [super(OneByOne, self).analyse(*face) for face in faces]
        return Analysis(*(torch.cat(values) for values in zip(*(vars(each).values() for each in found))))


class TinyEncoder:
    """Encodes with random networks of the least size, and real tables."""

    def __init__(self) -> None:
        self.files = FileCodec(read_model(TINY_TABLES))
        networks = Face1024(self.files.spec).requires_grad_(False)
        self.rescaling = networks.rescaling = OneByOne(self.files.spec).eval().requires_grad_(False)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.rescaling.parameters():
            parameter.normal_(std=0.02, generator=generator)
        basis = torch.linalg.qr(torch.randn(self.rescaling.analysis_basis.shape, generator=generator)).Q
        self.rescaling.analysis_basis.copy_(basis)
        self.rescaling.synthesis_basis.copy_(basis.transpose(1, 2))
        self.rescaling.thumbnail_prediction[:, -1] += 0.5  # Or else half of what it draws is beyond black.
        self._encoder = Face1024Encoder(networks, self.files.coder)

    def encode(self, images: Tensor, asked: Sequence[tuple]) -> list[bytes | TooLarge]:
        """The files of faces."""
        return self._encoder.encode(images, [self._request(*each) for each in asked])

    def _request(self, quality: int, max_bytes: int | None, effort: int) -> Request:
        settings = EncodeSettings(quality=quality, max_bytes=max_bytes, effort=effort)
        return Request(settings, lambda symbols, payload: self.files.write(symbols, payload, settings))


@pytest.fixture(scope="module", autouse=True)
def whole_search() -> Iterator[None]:
    """Searches as long as users do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "EFFORTS", EFFORTS)
        yield


def squared_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one.astype(float) - other).mean())


def gain(codec: Codec, face: np.ndarray, quick: bytes, searched: bytes) -> float:
    """How much nearer a searched file's `rescaled` is, in dB."""
    errors = [squared_error(codec.decode(data, DecodeSettings(output="rescaled")), face) for data in (quick, searched)]
    return float(10 * np.log10(errors[0] / errors[1]))


def test_every_effort_takes_more_time_than_the_one_before():
    decoded = [effort.rounds * len(effort.offsets) for effort in EFFORTS]
    assert len(EFFORTS) == MOST_EFFORT + 1 and decoded[0] == 0 and min(decoded[1:]) > 0
    # From there on they add to one another.
    assert decoded[: WHOLE_EFFORT + 1] == sorted(set(decoded[: WHOLE_EFFORT + 1]))


def test_the_default_effort_comes_nearer_under_the_same_cap_and_takes_few_seconds(codec: Codec, face: np.ndarray):
    """It gains 0.5 dB on this face, and takes 1.5 seconds of processor time where it was written."""
    assert DEFAULT_EFFORT > 0
    quick = codec.encode(face, EncodeSettings(max_bytes=300, effort=0))
    before = time.process_time()
    searched = codec.encode(face, EncodeSettings(max_bytes=300))
    assert time.process_time() - before < 15
    assert len(searched) <= 300
    assert gain(codec, face, quick, searched) > 0.25


def test_more_effort_finds_more(codec: Codec, face: np.ndarray):
    """And never less, where efforts add to one another."""
    files = [codec.encode(face, EncodeSettings(max_bytes=300, effort=effort)) for effort in (0, 1, 3, 4)]
    gains = [gain(codec, face, files[0], data) for data in files[1:]]
    assert 0 < gains[0] < gains[1] <= gains[2] + 1e-3


@pytest.mark.parametrize("cap", [65, 2000])
def test_it_keeps_to_caps_far_below_and_above_the_usual(codec: Codec, face: np.ndarray, cap: int):
    quick, searched = (codec.encode(face, EncodeSettings(max_bytes=cap, effort=effort)) for effort in (0, 2))
    assert len(searched) <= cap and gain(codec, face, quick, searched) > 0


def test_the_lr_image_is_not_filled_until_it_hides_the_face(codec: Codec, face: np.ndarray):
    payloads = [
        codec.files.read(codec.encode(face, EncodeSettings(max_bytes=495, effort=effort))).payload for effort in (0, 1)
    ]
    quick, searched = (len(payload.data) for payload in payloads if payload)
    assert searched <= max(quick, FILLED_HEAD) < lr_image.MOST_HEAD


def test_a_search_that_finds_nothing_that_fits_returns_its_start(codec: Codec, face: np.ndarray):
    start = Candidate(codec.analyse(face, 8), b"the start")
    limits = SearchLimits(start, payload_bits=1200.0, write=lambda symbols: None)
    image = torch.from_numpy(face).permute(2, 0, 1)[None] / 255
    assert Search(codec.networks.rescaling, codec.files.coder.levels, image, limits).run(1) is start


def test_at_a_quality_it_takes_no_more_bytes(codec: Codec, face: np.ndarray):
    quick, searched = (codec.encode(face, EncodeSettings(quality=10, effort=effort)) for effort in (0, 1))
    assert len(searched) <= len(quick)
    assert gain(codec, face, quick, searched) >= 0


def test_a_picture_like_no_face_is_encoded_too(codec: Codec):
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    for pixels in (noise, noise // 255 * 255, np.zeros_like(noise)):
        quick, searched = (codec.encode(pixels, EncodeSettings(max_bytes=800, effort=effort)) for effort in (0, 1))
        assert len(searched) <= 800 and gain(codec, pixels, quick, searched) >= 0


@pytest.fixture(scope="module")
def encoder() -> TinyEncoder:
    return TinyEncoder()


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Smooth pictures, `[6, 3, 64, 64]` in [0, 1]."""
    coarse = torch.rand(len(ASKED), 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)


def test_a_batch_gives_each_face_what_it_gets_alone(encoder: TinyEncoder, images: Tensor):
    together = encoder.encode(images, ASKED)
    alone = [encoder.encode(images[index : index + 1], ASKED[index : index + 1]) for index in range(len(ASKED))]
    assert [str(data) for data in together] == [str(data) for [data] in alone]


def test_the_order_of_a_batch_changes_no_file(encoder: TinyEncoder, images: Tensor):
    backwards = encoder.encode(images.flip(0), ASKED[::-1])
    assert [str(data) for data in backwards[::-1]] == [str(data) for data in encoder.encode(images, ASKED)]


def test_the_search_of_a_batch_finds_something(encoder: TinyEncoder, images: Tensor):
    """Otherwise the tests above would compare what no search has touched."""
    quick = encoder.encode(images, [(quality, most, 0) for quality, most, _ in ASKED])
    searched = encoder.encode(images, ASKED)
    changed = [one != other for one, other in zip(quick, searched) if isinstance(one, bytes)]
    assert sum(changed) >= 2


def test_networks_that_analyse_faces_together_stay_within_the_cap(codec: Codec, faces: dict[str, np.ndarray]):
    """A batch's sums may round otherwise, so a face may get other bytes than alone, and no worse ones."""
    pair = list(faces.values())[:2]
    quick, searched = (
        codec.encode_batch(pair, [EncodeSettings(quality=1, effort=effort)] * len(pair)) for effort in (0, 1)
    )
    for face, first, last in zip(pair, quick, searched):
        assert len(last) <= len(first)
        assert gain(codec, face, first, last) >= 0
