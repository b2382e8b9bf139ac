"""The engine for a GPU, which runs on any device: the same files and outcomes as one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.cli.conversion import DONE, FAILED, SKIPPED, Conversion
from grain_codec.cli.gpu_engine import draws_on_gpu, run_on_gpu
from grain_codec.cli.paths import Job
from grain_codec.cli.tasks import DecodeTask, LazyModel, ModelUnavailable
from grain_codec.codec import Codec


def job(folder: Path, name: str) -> Job:
    """A file to be decoded beside itself."""
    return Job(str(folder / f"{name}.grain"), str(folder / f"{name}.png"))


@pytest.fixture
def jobs(codec: Codec, face: np.ndarray, tmp_path: Path) -> list[Job]:
    """A good file, a damaged one, one whose output exists, one that is missing, a good one."""
    jobs = [job(tmp_path, name) for name in ("good", "damaged", "taken", "missing", "last")]
    data = codec.encode_face(face, 2)
    for each in jobs:
        Path(each.source).write_bytes(data)
    Path(jobs[1].source).write_bytes(data[:-1])
    Path(jobs[2].target).write_bytes(b"here before")
    Path(jobs[3].source).unlink()
    return jobs


def test_outcomes_are_those_of_single_conversions(jobs: list[Job], codec: Codec, tmp_path: Path) -> None:
    conversion = Conversion(DecodeTask(LazyModel(device="cpu"), size=256), skip_existing=True)
    outcomes = list(run_on_gpu(jobs, conversion, workers=1))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.status for outcome in outcomes] == [DONE, FAILED, SKIPPED, FAILED, DONE]
    assert Path(jobs[2].target).read_bytes() == b"here before"
    alone = Conversion(DecodeTask(LazyModel(device="cpu"), size=256), force=True)
    written = Path(jobs[0].target).read_bytes()
    for index in (0, 1, 3):
        single = alone(jobs[index])
        assert (single.blamed, single.reason) == (outcomes[index].blamed, outcomes[index].reason)
        assert (single.bytes_in, single.bytes_out) == (outcomes[index].bytes_in, outcomes[index].bytes_out)
    assert Path(jobs[0].target).read_bytes() == written
    assert Image.open(jobs[4].target).size == (256, 256)


def test_a_picture_that_the_model_lacks_ends_the_run(jobs: list[Job]) -> None:
    conversion = Conversion(DecodeTask(LazyModel(device="cpu"), picture="sketch"))
    with pytest.raises(ModelUnavailable, match="cannot draw"):
        list(run_on_gpu(jobs, conversion, workers=1))


def test_only_faces_on_a_gpu_go_this_way() -> None:
    assert not draws_on_gpu(DecodeTask(LazyModel(device="cpu")))
    assert not draws_on_gpu(DecodeTask(LazyModel(device="cuda"), thumbnail=True))
    assert draws_on_gpu(DecodeTask(LazyModel(device="cuda")))
