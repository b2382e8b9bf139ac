"""A command like grain-decode that runs any task, a quick task for it, and folders of files to try it on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli.batch.tasks.task import Converted, Task
from grain_codec.runtime.pipeline import Read


@dataclass(frozen=True)
class FunctionTask(Task):
    """Makes of a source what a function of its bytes and name returns."""

    function: Callable[[bytes, str], Converted]

    def read(self, data: bytes, name: str) -> Read:
        return Read((data, name), None)

    def compute(self, input: tuple[bytes, str]) -> Converted:
        return self.function(*input)

    def finish(self, kept: None, output: Converted) -> Converted:
        return output


FUNCTION_TASK = f"""
from __future__ import annotations
from collections.abc import Callable
from dataclasses import dataclass
from grain_codec.cli.batch.tasks.task import Converted, Task
from grain_codec.runtime.pipeline import Read
{inspect.getsource(FunctionTask)}
"""
"""Its source, for modules that other processes import."""

COMMAND = """
import click
from grain_codec.cli.batch.files.folders import is_encoded
from grain_codec.cli.batch.names import decoded_name
from grain_codec.cli.batch.plan import Naming, Outputs, plan_jobs
from grain_codec.cli.batch.run import run_and_exit
from grain_codec.cli.exits import orderly_exit
from grain_codec.cli.options import BatchOptions, batch_options, output_options

@click.command()
@output_options("--output-file")
@batch_options
@orderly_exit("reverse")
def main(inputs, output_file, output_dir, files_from, **batch):
    options = BatchOptions(**batch)
    naming = Naming(".grain file", is_encoded, decoded_name)
    plan = plan_jobs(inputs, Outputs(output_file, output_dir), naming, options.recursive)
    run_and_exit("reverse", plan, output_dir, FunctionTask(reverse), options)

if __name__ == "__main__":
    main()
"""
"""The command, without the function `reverse` that it runs on each file."""

QUICK = """
import time
from grain_codec.errors import Corrupt

def reverse(data, name):
    time.sleep(0.005)
    if data == b"damaged":
        raise Corrupt("the file is damaged")
    return Converted(data[::-1])
"""
"""Decoding that takes no time, so that it can be tried on many files."""


@pytest.fixture(scope="session")
def function_task() -> type[FunctionTask]:
    """The class of tasks that do what a function does."""
    return FunctionTask


@pytest.fixture(scope="session")
def function_task_source() -> str:
    """The class's source."""
    return FUNCTION_TASK


@pytest.fixture(scope="session")
def script_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the command as a file, with the source of its function `reverse`."""

    def make(source: str) -> Path:
        path = tmp_path_factory.mktemp("script") / "reversing.py"
        path.write_text(FUNCTION_TASK + source + COMMAND)
        return path

    return make


@pytest.fixture(scope="session")
def script(script_of: Callable[[str], Path]) -> Path:
    """The command with the quick task."""
    return script_of(QUICK)


@pytest.fixture
def reverse(script: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs that command in this process."""
    monkeypatch.syspath_prepend(script.parent)
    import reversing

    return lambda *arguments: CliRunner().invoke(reversing.main, [*arguments])


@pytest.fixture(scope="session")
def encoded() -> bytes:
    """What the quick task takes for a .grain file."""
    return bytes(range(256)) * 100


@pytest.fixture
def small_tree(encoded: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a tree "in" of three files, one of them damaged, and something else."""
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name, data in (("a.grain", encoded), ("b.GRAIN", b"damaged"), ("below/c.grain", encoded), ("d.txt", b"?")):
        (tmp_path / "in" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def many(encoded: bytes, small_tree: Path) -> Callable[[int], Path]:
    """Makes a folder of equal files in the working directory."""

    def make(count: int) -> Path:
        made = small_tree / "many"
        made.mkdir()
        for i in range(count):
            (made / f"{i:05}.grain").write_bytes(encoded)
        return made

    return make


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a face, a picture that is not square, and a file that is no picture."""
    Image.fromarray(_portrait()).save(tmp_path / "face.png", compress_level=1)
    Image.new("RGB", (80, 40)).save(tmp_path / "wide.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _portrait() -> np.ndarray:
    """A shaded ellipse before a gradient, uint8 `[1024, 1024, 3]`."""
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 8 + 40, column // 8 + 60, (row + column) // 16 + 50], -1).astype(np.uint8)
    pixels[((column - 512) / 260) ** 2 + ((row - 500) / 350) ** 2 < 1] = (214, 170, 140)
    return pixels
