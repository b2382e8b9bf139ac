"""The encoder-side search: nearer in no more bytes, never worse, and for many faces at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.codec import Codec, FileCodec
from grain_codec.errors import TooLarge
from grain_codec.models.face1024.encoder import Face1024Encoder
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.rescaling import Analysis, Rescaling
from grain_codec.models.face1024.search import ITERATIONS
from grain_codec.models.family import Request
from grain_codec.settings import MOST_EFFORT, DecodeSettings, EncodeSettings
from grain_codec.weights import read_model

TINY_TABLES = Path(__file__).parents[2] / "golden" / "tiny-tables.safetensors"
ASKED = ((2, 400, 3), (2, 215, 3), (1, None, 3), (2, 2, 3), (1, None, 0), (2, 220, 3))
"""Quality, most bytes and effort of each face of a batch; the fourth does not fit."""


class CountedRescaling(Rescaling):
    """Works on the faces of a batch one by one, so that their sums have one order whatever is beside them.

    Attributes:
        batches: how many faces each call of `analyse` and `synthesise` was given.
    """

    batches: list[int]

    def analyse(self, thumbnail: Tensor, view: Tensor, step: Tensor) -> Analysis:
        """See `Rescaling`."""
        self.batches.append(len(view))
        faces = zip(thumbnail.split(1), view.split(1), step.split(1))
        found = [super(CountedRescaling, self).analyse(*face) for face in faces]
        return Analysis(*(torch.cat(values) for values in zip(*(vars(each).values() for each in found))))

    def synthesise(self, thumbnail_levels: Tensor, detail_levels: Tensor, step: Tensor) -> Tensor:
        """See `Rescaling`."""
        self.batches.append(len(step))
        faces = zip(thumbnail_levels.split(1), detail_levels.split(1), step.split(1))
        return torch.cat([super(CountedRescaling, self).synthesise(*face) for face in faces])


class TinyEncoder:
    """Encodes with random networks of the least size, and real tables."""

    def __init__(self) -> None:
        self.files = FileCodec(read_model(TINY_TABLES))
        networks = Face1024(self.files.spec).requires_grad_(False)
        self.rescaling = networks.rescaling = CountedRescaling(self.files.spec).eval().requires_grad_(False)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.rescaling.parameters():
            parameter.normal_(std=0.02, generator=generator)
        basis = torch.linalg.qr(torch.randn(self.rescaling.analysis_basis.shape, generator=generator)).Q
        self.rescaling.analysis_basis.copy_(basis)
        self.rescaling.synthesis_basis.copy_(basis.transpose(1, 2))
        self._encoder = Face1024Encoder(networks, self.files.coder)

    def encode(self, images: Tensor, asked: Sequence[tuple]) -> tuple[list[bytes | TooLarge], list[int]]:
        """The files of faces, and how many of them were analysed at a time."""
        self.rescaling.batches = []
        return self._encoder.encode(images, [self._request(*each) for each in asked]), self.rescaling.batches

    def _request(self, quality: int, max_bytes: int | None, effort: int) -> Request:
        settings = EncodeSettings(quality=quality, max_bytes=max_bytes, effort=effort)
        return Request(settings, lambda symbols, payload: self.files.write(symbols, payload, settings))


def squared_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one.astype(float) - other).mean())


def test_effort_never_takes_fewer_steps():
    assert len(ITERATIONS) == MOST_EFFORT + 1 and list(ITERATIONS) == sorted(set(ITERATIONS))


@pytest.mark.slow
def test_it_comes_nearer_under_the_same_cap(codec: Codec, face: np.ndarray):
    quick, searched = (codec.encode(face, EncodeSettings(max_bytes=300, effort=effort)) for effort in (0, 3))
    assert len(searched) <= 300
    before, after = (
        squared_error(codec.decode(data, DecodeSettings(output="rescaled")), face) for data in (quick, searched)
    )
    assert 10 * np.log10(before / after) > 0.1


def test_at_a_quality_it_takes_no_more_bytes(codec: Codec, face: np.ndarray):
    quick, searched = (codec.encode(face, EncodeSettings(quality=2, effort=effort)) for effort in (0, 1))
    assert len(searched) <= len(quick)
    before, after = (
        squared_error(codec.decode(data, DecodeSettings(output="rescaled")), face) for data in (quick, searched)
    )
    assert after <= before


@pytest.fixture(scope="module")
def encoder() -> TinyEncoder:
    return TinyEncoder()


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Smooth pictures, `[6, 3, 64, 64]` in [0, 1]."""
    coarse = torch.rand(len(ASKED), 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)


def test_a_batch_gives_each_face_what_it_gets_alone_in_fewer_analyses(encoder: TinyEncoder, images: Tensor):
    together, batches = encoder.encode(images, ASKED)
    alone = [encoder.encode(images[index : index + 1], ASKED[index : index + 1]) for index in range(len(ASKED))]
    assert [str(data) for data in together] == [str(data) for [data], _ in alone]
    assert sum(batches) == sum(len(single) for _, single in alone)
    assert 2 * len(batches) < sum(batches) and max(batches) == len(ASKED)


def test_the_order_of_a_batch_changes_no_file(encoder: TinyEncoder, images: Tensor):
    backwards, _ = encoder.encode(images.flip(0), ASKED[::-1])
    assert [str(data) for data in backwards[::-1]] == [str(data) for data in encoder.encode(images, ASKED)[0]]


def test_the_search_of_a_batch_finds_something(encoder: TinyEncoder, images: Tensor):
    """Otherwise the tests above would compare what no search has touched."""
    quick, _ = encoder.encode(images, [(quality, most, 0) for quality, most, _ in ASKED])
    searched, _ = encoder.encode(images, ASKED)
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
        before, after = (
            squared_error(codec.decode(data, DecodeSettings(output="rescaled")), face) for data in (first, last)
        )
        assert after <= before
