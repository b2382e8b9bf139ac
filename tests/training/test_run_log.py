"""The log of a run: what it keeps, and what a run that goes on takes out."""

from __future__ import annotations

from pathlib import Path

from grain_codec.training.run_log import RunLog, read_log


def test_figures_are_rows(tmp_path: Path):
    log = RunLog(tmp_path / "run" / "log.csv", 0)
    log.add(10, "train", {"loss": 0.5, "psnr": 20.25})
    log.add(10, "validation", {"loss": 0.75})
    text = (tmp_path / "run" / "log.csv").read_text()
    assert text == "step,split,figure,value\n10,train,loss,0.5\n10,train,psnr,20.25\n10,validation,loss,0.75\n"


def test_a_run_that_goes_on_takes_out_the_steps_that_it_repeats(tmp_path: Path):
    log = RunLog(tmp_path / "log.csv", 0)
    for step in (10, 20, 30):
        log.add(step, "train", {"loss": step / 10})
    RunLog(tmp_path / "log.csv", 20).add(30, "train", {"loss": 2.5})
    found = [(step, value) for step, _, _, value in read_log(tmp_path / "log.csv")]
    assert found == [(10, 1.0), (20, 2.0), (30, 2.5)]


def test_a_row_that_a_kill_cut_short_is_left_out(tmp_path: Path):
    RunLog(tmp_path / "log.csv", 0).add(10, "train", {"loss": 0.5})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("20,train,lo")
    assert read_log(tmp_path / "log.csv") == [(10, "train", "loss", 0.5)]
    RunLog(tmp_path / "log.csv", 20).add(30, "train", {"loss": 0.25})
    assert [row[0] for row in read_log(tmp_path / "log.csv")] == [10, 30]


def test_the_lowest_figure_is_found_among_its_own(tmp_path: Path):
    log = RunLog(tmp_path / "log.csv", 0)
    assert log.lowest("validation", "loss") == float("inf")
    log.add(10, "train", {"loss": 0.1})
    log.add(10, "validation", {"loss": 0.5, "psnr": 0.2})
    log.add(20, "validation", {"loss": 0.4})
    assert log.lowest("validation", "loss") == 0.4
