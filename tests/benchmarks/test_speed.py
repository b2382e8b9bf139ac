"""The speed table: every stage is there, and its files say what was measured where."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from grain_codec.benchmarks.speed import COLUMNS, main
from grain_codec.benchmarks.speed_operations import operation_rows
from grain_codec.benchmarks.timing import LEAST_RUNS, Timing, measure, row_of

CPU = torch.device("cpu")


def test_the_warm_up_does_not_count() -> None:
    waits = iter([0.2] + [0.001] * 100)
    timing = measure(lambda: time.sleep(next(waits)), CPU, 0.0)
    assert len(timing.runs) == LEAST_RUNS
    assert timing.median < 0.2


def test_a_row_is_milliseconds_for_one() -> None:
    row = row_of("draw", 4, Timing((0.1, 0.2, 0.3, 0.4, 0.9), (1.0,) * 5))
    assert (row.low, row.median, row.high, row.busy, row.runs) == (50.0, 75.0, 100.0, 250.0, 5)


def test_every_operation_has_a_row() -> None:
    rows = list(operation_rows(CPU, 0.0, side=16, compiled=False))
    operations = {row.what.partition(":")[0].partition(",")[0] for row in rows}
    assert operations >= {"unpack_symbols", "separable_modulated_convolution", "inverse_haar", "haar_to_pixels"}
    assert operations >= {"image_to_pixels", "enlarged_pixels", "upfirdn2d", "biased_activation"}


@pytest.mark.slow
def test_table(tmp_path: Path) -> None:
    options = "--batches 1 --seconds 0 --files 2 --workers 1 --output".split()
    ended = CliRunner().invoke(main, [*options, str(tmp_path / "speed")], catch_exceptions=False)
    assert ended.exit_code == 0
    with open(tmp_path / "speed.tsv", encoding="utf-8", newline="") as file:
        machine, columns, *rows = csv.reader(file, delimiter="\t")
    assert "torch" in machine[0] and tuple(columns) == COLUMNS
    stages = [row[0].partition(",")[0] for row in rows]
    for stage in ("read the file", "entropy decoding", "network", "write PNG", "folder of 2 to PNG"):
        assert stage in stages
    assert all(0 < float(row[3]) <= float(row[2]) <= float(row[4]) for row in rows)
    assert (tmp_path / "speed.md").read_text(encoding="utf-8").count("\n") == len(rows) + 4
