"""Many files through the pipeline: the same pixels as one by one, in order, whatever is among them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import grain_codec
from grain_codec.codec import Codec
from grain_codec.errors import Corrupt, NotGrain, WrongModel
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.runtime.batch_renderer import BatchRenderer
from grain_codec.runtime.decode_pipeline import DecodePipeline
from grain_codec.settings import EncodeSettings

QUALITIES = (0, 18, 30, 96)


@pytest.fixture(scope="module")
def files(codec: Codec, face: np.ndarray) -> list[bytes]:
    """One face at some qualities."""
    return [codec.encode(face, EncodeSettings(quality=quality)) for quality in QUALITIES]


@pytest.fixture(scope="module")
def pixels(codec: Codec, files: list[bytes]) -> list[np.ndarray]:
    """What each file decodes to by itself."""
    return [codec.decode(data) for data in files]


@pytest.fixture
def inside(codec: Codec) -> Iterator[DecodePipeline]:
    """A pipeline without processes of its own."""
    with DecodePipeline(codec, batch_size=2, workers=0) as pipeline:
        yield pipeline


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal, up to samples that a batch's sums, in another order, round to the next level."""
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def save_beside(source: Path, kept: None, pixels: np.ndarray) -> None:
    """Writes the pixels of a.grain as a.grain.npy."""
    np.save(source, pixels)


def test_pixels_are_those_of_single_files(inside: DecodePipeline, files: list[bytes], pixels: list[np.ndarray]) -> None:
    order = [0, 3, 1, 2, 0]
    decoded = list(inside.decode(files[index] for index in order))
    assert [face.source for face in decoded] == [files[index] for index in order]
    for face, index in zip(decoded, order):
        assert_same(face.result, pixels[index])


def test_an_error_is_one_files_alone(inside: DecodePipeline, files: list[bytes], tmp_path: Path) -> None:
    damaged = bytearray(files[1])
    damaged[len(damaged) // 2] ^= 1
    decoded = list(inside.decode([files[0], bytes(damaged), tmp_path / "missing.grain", files[2]]))
    assert [face.error is None for face in decoded] == [True, False, False, True]
    assert isinstance(decoded[1].error, Corrupt)
    assert isinstance(decoded[2].error, FileNotFoundError)
    assert decoded[1].result is None


def test_a_giant_is_not_read_to_its_end(inside: DecodePipeline) -> None:
    [face] = inside.decode(["/dev/zero"])
    assert isinstance(face.error, NotGrain) and "more than" in str(face.error)


def test_nothing_but_errors(inside: DecodePipeline) -> None:
    decoded = list(inside.decode([b"no face"] * 5))
    assert len(decoded) == 5 and all(face.error is not None for face in decoded)
    assert not list(inside.decode([]))


def test_reads_no_further_than_its_bound(inside: DecodePipeline, files: list[bytes]) -> None:
    taken = 0

    def sources() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"no face"

    faces = inside.decode(sources())
    next(faces)
    assert taken <= 20
    faces.close()


def test_the_package_offers_it_as_an_iterator(files: list[bytes], pixels: list[np.ndarray]) -> None:
    first, second = grain_codec.decode_files([files[1], b"no face"])
    assert np.array_equal(first.result, pixels[1])
    assert second.result is None and isinstance(second.error, NotGrain)


def test_an_unknown_picture_is_refused(codec: Codec) -> None:
    with pytest.raises(WrongModel, match="cannot draw 'sketch'"):
        DecodePipeline(codec, output="sketch")


def test_workers_read_and_write(codec: Codec, files: list[bytes], pixels: list[np.ndarray], tmp_path: Path) -> None:
    """A picture is written beside its source, unless a folder of that name is in its way."""
    (tmp_path / "unwritable.grain.npy").mkdir()
    sources = [tmp_path / f"{name}.grain" for name in ("first", "unwritable", "last")]
    for source, data in zip(sources, files):
        source.write_bytes(data)
    with DecodePipeline(codec, batch_size=2, workers=1) as pipeline:
        decoded = list(pipeline.decode([*sources, tmp_path / "missing.grain"], write=save_beside))
    assert [face.source for face in decoded] == [*sources, tmp_path / "missing.grain"]
    assert [type(face.error) for face in decoded] == [type(None), IsADirectoryError, type(None), FileNotFoundError]
    assert all(face.result is None for face in decoded)
    assert_same(np.load(tmp_path / "first.grain.npy"), pixels[0])
    assert_same(np.load(tmp_path / "last.grain.npy"), pixels[2])


def test_half_precision_stays_within_one_level(codec: Codec, files: list[bytes], pixels: list[np.ndarray]) -> None:
    """What the GPU computes in, tried on the CPU; symbols and thumbnail remain float32."""
    renderer = BatchRenderer(codec, most=len(files), dtype=torch.float16)
    drawn = renderer.start([renderer.coder.pack(codec.files.read(data).symbols) for data in files])()
    difference = np.abs(drawn.astype(int) - np.stack(pixels))
    assert (difference <= 1).mean() >= 0.999


def test_a_batch_that_does_not_fit_is_drawn_in_parts(
    codec: Codec, files: list[bytes], pixels: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = BatchRenderer(codec, most=len(files))
    draw, room = renderer.draw, [1]

    def draw_what_fits(records: torch.Tensor) -> torch.Tensor:
        if len(records) > room[0]:
            raise torch.OutOfMemoryError("out of memory")
        return draw(records)

    monkeypatch.setattr(renderer, "draw", draw_what_fits)
    records = torch.from_numpy(np.stack([renderer.coder.pack(codec.files.read(data).symbols) for data in files]))
    for drawn, expected in zip(renderer._draw_at_once(records).numpy(), pixels, strict=True):
        assert_same(drawn, expected)
    room[0] = 0
    with pytest.raises(torch.OutOfMemoryError):
        renderer._draw_at_once(records)


def test_half_precision_of_a_model_that_draws() -> None:
    """Prior and fusion with weights of no meaning, which draw something all the same."""
    torch.manual_seed(0)
    drawing = DrawingSpec(8, 2, (8, 8, 8), (1, 1, 1), (16, 8, 8), 8, 1)
    sizes = {"thumbnail_components": 8, "detail_components": 4, "neighbour_components": 4}
    spec = Face1024Spec(image_size=256, view_size=64, **sizes, drawing=drawing)
    networks = Face1024(spec).eval().requires_grad_(False)
    torch.nn.init.normal_(networks.fusion.leave.weight, std=0.05)
    qualities, thumbnails = torch.tensor([[20], [25]]), torch.full((2, 8), 2)
    records = torch.cat([qualities, thumbnails, torch.randint(-1, 2, (2, 256 * 4))], 1).int()
    for output in networks.outputs:
        exact = networks.draw_records(records, output)
        with torch.autocast("cpu", torch.float16):
            half = copy.deepcopy(networks).half().draw_records(records, output)
        assert ((half.int() - exact.int()).abs() <= 1).float().mean() >= 0.999


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
class TestOnAGpu:
    """Batches of every size, graphs and streams; nothing of it runs elsewhere."""

    def test_pixels_are_those_of_the_cpu(self, codec: Codec, files: list[bytes], pixels: list[np.ndarray]) -> None:
        on_gpu = Codec(codec.files.model, torch.device("cuda"))
        order = [0, 1, 2, 3, 3, 2, 0, 1, 1, 0, 2]
        with DecodePipeline(on_gpu, batch_size=4, workers=0) as pipeline:
            decoded = list(pipeline.decode(files[index] for index in order))
            assert pipeline.renderer.reason_without_graph is None
        for face, index in zip(decoded, order):
            difference = np.abs(face.result.astype(int) - pixels[index])
            assert (difference <= 1).mean() >= 0.999

    def test_float32_too(self, codec: Codec, files: list[bytes], pixels: list[np.ndarray]) -> None:
        on_gpu = Codec(codec.files.model, torch.device("cuda"))
        renderer = BatchRenderer(on_gpu, most=4, dtype=torch.float32)
        records = [renderer.coder.pack(codec.files.read(data).symbols) for data in files]
        for count in (1, 2, 3, 4, 2):
            drawn = renderer.start(records[:count])()
            difference = np.abs(drawn.astype(int) - np.stack(pixels[:count]))
            assert (difference <= 1).mean() >= 0.999

    def test_symbols_are_those_of_the_cpu(self, codec: Codec, face: np.ndarray, files: list[bytes]) -> None:
        """Encoding elsewhere may choose other levels where two are equally near; reading never differs."""
        on_gpu = Codec(codec.files.model, torch.device("cuda"))
        read, there = (
            codec.files.read(files[2]).symbols,
            on_gpu.files.read(on_gpu.encode(face, EncodeSettings(quality=QUALITIES[2]))).symbols,
        )
        assert (read.details != there.details).mean() < 0.01
