"""The speed table: every stage is there, and its files say what was measured where."""

from __future__ import annotations

import csv
import importlib
import pkgutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from grain_codec import ops
from grain_codec.benchmarks.speed.__main__ import main
from grain_codec.benchmarks.speed.decoding import Bench
from grain_codec.benchmarks.speed.encoding import encoding_rows, photograph_rows
from grain_codec.benchmarks.speed.operations import operation_rows
from grain_codec.benchmarks.speed.timing import COLUMNS, LEAST_RUNS, Stopwatch
from grain_codec.codec import load_model

STOPWATCH = Stopwatch(torch.device("cpu"), 0.0)


def test_the_warm_up_does_not_count() -> None:
    waits = iter([0.2] + [0.001] * 100)
    row = STOPWATCH.row("sleep", 1, lambda: time.sleep(next(waits)))
    assert row.runs == LEAST_RUNS
    assert row.high < 200


def test_a_row_is_milliseconds_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopwatch, "_run", lambda self, call: (next(runs), 1.0))
    runs = iter([9.0, 0.9, 0.2, 0.4, 0.1, 0.3])
    monkeypatch.setattr("grain_codec.benchmarks.speed.timing.LEAST_RUNS", 5)
    row = STOPWATCH.row("draw", 4, lambda: None)
    assert (row.low, row.median, row.high, row.busy, row.runs) == pytest.approx((50.0, 75.0, 100.0, 250.0, 5))


def test_every_operation_has_a_row() -> None:
    rows = list(operation_rows(STOPWATCH, side=16, compiled=False))
    measured = {row.what.partition(":")[0].partition(",")[0] for row in rows}
    modules = [importlib.import_module(f"grain_codec.ops.{each.name}") for each in pkgutil.iter_modules(ops.__path__)]
    offered = {name for module in modules for name in dir(module) if hasattr(module, f"{name}_reference")}
    assert len(offered) >= 8 and measured == offered


def test_encoding_has_rows_for_batches_and_folders(small_weights: Path, small_face: np.ndarray, tmp_path: Path) -> None:
    codec = load_model(str(small_weights), "cpu")
    bench = Bench(codec, small_face, STOPWATCH)
    [batch] = encoding_rows(bench, 2)
    [of_folder] = photograph_rows(bench, 1, tmp_path, 0)
    assert batch.what.startswith("encode") and of_folder.what.startswith("folder of 1 JPEG")
    assert (batch.batch, of_folder.batch) == (2, 1)
    assert batch.median > 0 < of_folder.median
    assert (tmp_path / "0000.grain").read_bytes()[:4] == codec.encode(small_face)[:4]


@pytest.mark.slow
def test_table(small_weights: Path, tmp_path: Path) -> None:
    options = f"-m {small_weights} --batches 1 --seconds 0 --files 2 --workers 1 --output".split()
    ended = CliRunner().invoke(main, [*options, str(tmp_path / "speed")], catch_exceptions=False)
    assert ended.exit_code == 0
    with open(tmp_path / "speed.tsv", encoding="utf-8", newline="") as file:
        machine, columns, *rows = csv.reader(file, delimiter="\t")
    assert "torch" in machine[0] and tuple(columns) == COLUMNS
    stages = [row[0].partition(",")[0] for row in rows]
    expected = ("read the file", "entropy decoding", "network", "write PNG", "folder of 2 to PNG")
    for stage in (*expected, "encode"):
        assert stage in stages
    assert all(0 < float(row[3]) <= float(row[2]) <= float(row[4]) for row in rows)
    assert (tmp_path / "speed.md").read_text(encoding="utf-8").count("\n") == len(rows) + 4
