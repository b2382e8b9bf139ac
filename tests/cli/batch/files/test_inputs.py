"""What may be read."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from grain_codec.cli.batch.files import inputs
from grain_codec.cli.batch.files.inputs import UnusablePath, read_source


def test_folders_and_giants_are_no_sources(tmp_path: Path) -> None:
    with pytest.raises(UnusablePath, match="folder"):
        read_source(str(tmp_path))
    giant = tmp_path / "giant"
    with giant.open("wb") as file:
        file.truncate(inputs.MOST_INPUT_BYTES + 1)
    with pytest.raises(UnusablePath, match="more than any picture"):
        read_source(str(giant))
    with pytest.raises(FileNotFoundError):
        read_source(str(tmp_path / "missing"))


def test_reading_takes_no_more_memory_than_there_are_bytes(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"face")
    tracemalloc.start()
    assert read_source(str(tmp_path / "small")) == b"face"
    assert tracemalloc.get_traced_memory()[1] < 4 * inputs.PIECE_BYTES
    tracemalloc.stop()
