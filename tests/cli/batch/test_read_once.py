"""Whatever the engine: every source is read once, every payload decoded once, every candidate encoded once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.engines.gpu import run_on_gpu
from grain_codec.cli.batch.engines.ray import run_on_ray
from grain_codec.cli.batch.engines.workers import run_on_workers
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.codec import Codec
from grain_codec.settings import DecodeSettings, EncodeSettings, ModelChoice

COUNTING = '''
"""The tasks of grain-encode and grain-decode; in processes that import this, calls are noted in a file."""

import hashlib
import os
from functools import wraps

from grain_codec.cli.batch import conversion
from grain_codec.cli.batch.tasks import decode, encode
from grain_codec.coding.range_coder import RangeDecoder, RangeEncoder

class EncodeTask(encode.EncodeTask):
    pass

class DecodeTask(decode.DecodeTask):
    pass

def noting(call, function, subject):
    """A function that notes each call with what it is about."""
    @wraps(function)
    def noted(*arguments):
        result = function(*arguments)
        with open(os.environ["NOTED_CALLS"], "a") as file:
            file.write(f"{call} {subject(arguments, result)}\\n")
        return result
    return noted

def short(payload):
    return hashlib.sha256(payload).hexdigest()[:16]

def install(set_attribute):
    read = noting("read", conversion.read_source, lambda arguments, _: os.path.basename(arguments[0]))
    set_attribute(conversion, "read_source", read)
    decode = noting("decode", RangeDecoder.__init__, lambda arguments, _: short(arguments[1]))
    set_attribute(RangeDecoder, "__init__", decode)
    encode = noting("encode", RangeEncoder.finish, lambda _, payload: short(payload))
    set_attribute(RangeEncoder, "finish", encode)

if os.getpid() != int(os.environ["TEST_PROCESS"]):
    install(setattr)
'''

ON_CPU = ModelChoice(device="cpu")
Engine = Callable[[Iterable[Job], Conversion], Iterable[Outcome]]
ENGINES: dict[str, Engine] = {
    "one process": lambda jobs, conversion: map(conversion, jobs),
    "workers": lambda jobs, conversion: run_on_workers(jobs, conversion, 1),
    "gpu": lambda jobs, conversion: run_on_gpu(jobs, conversion, workers=1),
    "ray": lambda jobs, conversion: run_on_ray(jobs, conversion, 1),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "ray":
        pytest.importorskip("ray")
    return ENGINES[request.param]


class Noted:
    """The tasks whose calls are noted, and the notes."""

    def __init__(self, module: object, path: Path):
        self.EncodeTask, self.DecodeTask, self._path = module.EncodeTask, module.DecodeTask, path

    def count(self, call: str) -> Counter[str]:
        """How often something was done, by what it was done to."""
        notes = [line.split(" ", 1) for line in self._path.read_text().splitlines()]
        return Counter(subject for noted, subject in notes if noted == call)


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Noted:
    """Notes calls in this process and in those that it starts."""
    (tmp_path / "noting_tasks.py").write_text(COUNTING)
    monkeypatch.setenv("NOTED_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("TEST_PROCESS", str(os.getpid()))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    import noting_tasks

    noting_tasks.install(monkeypatch.setattr)
    return Noted(noting_tasks, tmp_path / "calls")


def test_decoding(engine: Engine, noted: Noted, codec: Codec, faces: dict[str, np.ndarray], tmp_path: Path) -> None:
    jobs, names = [], list(faces)[:3]
    for name, carrier in zip(names, ("grain", "png", "grain")):
        source = tmp_path / f"{name}.{carrier}"
        source.write_bytes(codec.encode(faces[name], EncodeSettings(quality=1, carrier=carrier)))
        jobs.append(Job(str(source), str(tmp_path / f"{name}.bmp")))
    Path(os.environ["NOTED_CALLS"]).unlink()

    task = noted.DecodeTask(model=ON_CPU, settings=DecodeSettings(output="rescaled"), image_format="BMP")
    outcomes = list(engine(jobs, Conversion(task=task)))

    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert noted.count("read") == {Path(job.source).name: 1 for job in jobs}
    assert set(noted.count("decode").values()) == {1} and noted.count("decode").total() == 3


@pytest.mark.parametrize(("carrier", "max_bytes"), [("grain", None), ("png", None), ("grain", 300), ("png", 850)])
def test_encoding(
    engine: Engine, noted: Noted, faces: dict[str, np.ndarray], tmp_path: Path, carrier: str, max_bytes: int | None
) -> None:
    names = list(faces)[:2]
    for name in names:
        Image.fromarray(faces[name]).save(tmp_path / f"{name}.bmp")
    jobs = [Job(str(tmp_path / f"{name}.bmp"), str(tmp_path / f"{name}.{carrier}")) for name in names]

    task = noted.EncodeTask(model=ON_CPU, settings=EncodeSettings(max_bytes=max_bytes, carrier=carrier, effort=0))
    outcomes = list(engine(jobs, Conversion(task=task)))

    assert [outcome.status for outcome in outcomes] == ["done"] * 2
    assert noted.count("read") == {f"{name}.bmp": 1 for name in names}
    encodings = noted.count("encode")
    assert set(encodings.values()) == {1} and not noted.count("decode")
    assert len(encodings) == 2 if max_bytes is None else len(encodings) > 4
