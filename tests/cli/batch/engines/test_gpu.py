"""The engine for a GPU, which runs on any device: the same files and outcomes as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from grain_codec.cli import decode, encode
from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.engines import gpu as gpu_engine
from grain_codec.cli.batch.engines.gpu import run_on_gpu, suits_gpu
from grain_codec.cli.batch.job import DONE, FAILED, SKIPPED, Job, Outcome
from grain_codec.cli.batch.tasks.decode import DecodeTask
from grain_codec.cli.batch.tasks.encode import EncodeTask
from grain_codec.cli.batch.tasks.figures import Measures
from grain_codec.cli.batch.tasks.model import ModelUnavailable
from grain_codec.cli.options import BatchOptions
from grain_codec.codec import Codec
from grain_codec.settings import DecodeSettings, EncodeSettings, ModelChoice

ON_CPU = ModelChoice(device="cpu", engine="torch")  # As the pipelines draw, to the last bit.
STATUSES = [DONE, FAILED, SKIPPED, FAILED, DONE]


def job(folder: Path, name: str) -> Job:
    """A file to be decoded beside itself."""
    return Job(str(folder / f"{name}.grain"), str(folder / f"{name}.png"))


@pytest.fixture
def jobs(codec: Codec, face: np.ndarray, tmp_path: Path) -> list[Job]:
    """A good file, a damaged one, one whose output exists, one that is missing, a good one."""
    jobs = [job(tmp_path, name) for name in ("good", "damaged", "taken", "missing", "last")]
    return with_files(jobs, codec.encode(face, EncodeSettings(quality=2)))


@pytest.fixture
def photographs(small_face: np.ndarray, tmp_path: Path) -> list[Job]:
    """The same of photographs to be encoded, 64 px wide."""
    names = ("good", "damaged", "taken", "missing", "last")
    jobs = [Job(str(tmp_path / f"{name}.png"), str(tmp_path / f"{name}.grain")) for name in names]
    picture = tmp_path / "picture.png"
    Image.fromarray(small_face).save(picture)
    return with_files(jobs, picture.read_bytes())


def with_files(jobs: list[Job], data: bytes) -> list[Job]:
    """Jobs whose sources are written as their fixtures say."""
    for each in jobs:
        Path(each.source).write_bytes(data)
    Path(jobs[1].source).write_bytes(data[: len(data) * 2 // 3])
    Path(jobs[2].target).write_bytes(b"here before")
    Path(jobs[3].source).unlink()
    return jobs


def check_outcomes(jobs: list[Job], conversion: Conversion) -> None:
    """Compares what the engine makes of jobs, and says of them, with what the conversion does by itself."""
    outcomes = list(run_on_gpu(jobs, conversion, workers=1))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.status for outcome in outcomes] == STATUSES
    assert Path(jobs[2].target).read_bytes() == b"here before"
    written = Path(jobs[0].target).read_bytes()
    alone = replace(conversion, options=BatchOptions(force=True))
    for index in (0, 1, 3):
        assert replace(alone(jobs[index]), seconds=0) == replace(outcomes[index], seconds=0)
    assert Path(jobs[0].target).read_bytes() == Path(jobs[4].target).read_bytes() == written


def test_decoding_gives_the_outcomes_of_single_conversions(jobs: list[Job]) -> None:
    check_outcomes(jobs, Conversion(DecodeTask(model=ON_CPU, size=256), BatchOptions(skip_existing=True)))
    assert Image.open(jobs[4].target).size == (256, 256)


def test_grey_photographs_come_back_grey(photographs: list[Job], small_weights: Path, tmp_path: Path) -> None:
    photograph, model = photographs[0], ModelChoice(name=str(small_weights), device="cpu")
    Image.open(photograph.source).convert("L").save(photograph.source)
    back = Job(photograph.target, str(tmp_path / "back.png"))
    for job, task in ((photograph, EncodeTask(model=model)), (back, DecodeTask(model=model))):
        [outcome] = run_on_gpu([job], Conversion(task), workers=1)
        assert outcome.status == DONE
    assert Image.open(back.target).mode == "L"


@pytest.mark.parametrize("carrier", ["grain", "png"])
def test_encoding_gives_the_outcomes_of_single_conversions(
    photographs: list[Job], small_weights: Path, carrier: str
) -> None:
    task = EncodeTask(
        model=ModelChoice(name=str(small_weights), device="cpu"), settings=EncodeSettings(carrier=carrier)
    )
    check_outcomes(photographs, Conversion(task, BatchOptions(skip_existing=True)))


def test_encoding_asks_for_what_the_task_does(face: np.ndarray, tmp_path: Path) -> None:
    """Quality, limit, crop and metadata reach the file as they do in a single conversion."""
    source = tmp_path / "wide.png"
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    Image.fromarray(np.pad(face, ((0, 0), (0, 99), (0, 0)))).save(source, exif=exif)
    task = EncodeTask(model=ON_CPU, settings=EncodeSettings(max_bytes=400), crop="center", keep_metadata=True)
    together, alone = (Job(str(source), str(tmp_path / f"{name}.grain")) for name in ("together", "alone"))
    [outcome] = run_on_gpu([together], Conversion(task), workers=1)
    assert replace(Conversion(task)(alone), job=together, seconds=0) == replace(outcome, seconds=0)
    assert Path(together.target).read_bytes() == Path(alone.target).read_bytes()
    assert b"somebody" in Path(alone.target).read_bytes()


def test_notices_and_refusals_are_those_of_single_conversions(
    photographs: list[Job], small_weights: Path, small_face: np.ndarray
) -> None:
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    Image.fromarray(small_face).save(photographs[0].source, exif=exif)
    for most_bytes, status in ((None, DONE), (40, FAILED)):
        task = EncodeTask(
            model=ModelChoice(name=str(small_weights), device="cpu"), settings=EncodeSettings(max_bytes=most_bytes)
        )
        [outcome] = run_on_gpu(photographs[:1], Conversion(task, BatchOptions(force=True)), workers=1)
        assert outcome.status == status and bool(outcome.notices or outcome.reason)
        single = Conversion(task, BatchOptions(force=True))(photographs[0])
        assert replace(single, seconds=0) == replace(outcome, seconds=0)


def test_figures_and_their_limits_are_those_of_single_conversions(photographs: list[Job], small_weights: Path) -> None:
    for least, status in ((None, DONE), (99.0, FAILED)):
        task = EncodeTask(
            model=ModelChoice(name=str(small_weights), device="cpu"), measures=Measures(psnr=True, least_psnr=least)
        )
        [outcome] = run_on_gpu(photographs[:1], Conversion(task, BatchOptions(force=True)), workers=1)
        assert outcome.status == status and bool(outcome.figures or "dB is below" in outcome.reason)
        single = Conversion(task, BatchOptions(force=True))(photographs[0])
        assert replace(single, seconds=0) == replace(outcome, seconds=0)


def test_a_picture_that_the_model_lacks_ends_the_run(jobs: list[Job]) -> None:
    conversion = Conversion(DecodeTask(model=ON_CPU, settings=DecodeSettings(output="sketch")))
    with pytest.raises(ModelUnavailable, match="cannot draw"):
        list(run_on_gpu(jobs, conversion, workers=1))


def test_only_single_faces_on_a_gpu_go_this_way() -> None:
    on_gpu = ModelChoice(device="cuda")
    assert suits_gpu(DecodeTask(model=on_gpu)) and suits_gpu(EncodeTask(model=on_gpu))
    assert not suits_gpu(DecodeTask(model=on_gpu, thumbnail=True))
    assert not suits_gpu(EncodeTask(model=on_gpu, all_faces=True))
    assert not suits_gpu(DecodeTask(model=ON_CPU)) and not suits_gpu(EncodeTask(model=ON_CPU))


@pytest.mark.parametrize(
    ("options", "workers"), [((), None), (("-j", "all"), None), (("-j", "1"), 1), (("-j", "3"), 3)]
)
def test_the_workers_are_as_many_as_were_asked_for(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], workers: int | None
) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr(gpu_engine, "suits_gpu", lambda task: True)

    def run(jobs: Iterator[Job], conversion: Conversion, workers: int | None, note: None) -> Iterator[Outcome]:
        asked.append(workers)
        yield from map(conversion, jobs)

    monkeypatch.setattr(gpu_engine, "run_on_gpu", run)
    CliRunner().invoke(decode.main, ["--thumbnail", jobs[0].source, jobs[-1].source, *options], catch_exceptions=False)
    assert asked == [workers]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_folder_is_encoded_on_a_gpu(codec: Codec, faces: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Levels where two are equally near may differ from the CPU's; the limit is kept, and the faces are as near."""
    names = list(faces) * 4
    for number, name in enumerate(names):
        Image.fromarray(faces[name]).save(tmp_path / f"{number:02}.bmp")
    options = [str(tmp_path), "-r", "--device", "cuda", "--max-bytes", "300"]
    ended = CliRunner().invoke(encode.main, options, catch_exceptions=False)
    assert ended.exit_code == 0
    expected = {
        name: codec.decode(codec.encode(pixels, EncodeSettings(max_bytes=300))) for name, pixels in faces.items()
    }
    for number, name in enumerate(names):
        data = (tmp_path / f"{number:02}.grain").read_bytes()
        drawn = codec.decode(data), expected[name]
        error, usual = (np.square(each.astype(float) - faces[name]).mean() for each in drawn)
        assert len(data) <= 300 and error < usual * 1.02
