"""A run over faces and codecs: complete, the same on one process and on several, and gone on with after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.runs.faces import FaceFile, usable_faces
from grain_codec.benchmarks.runs.plan import Plan, choose_codecs, choose_models, complete, make_codec
from grain_codec.benchmarks.runs.sweep import Progress, Workers, sweep, unfinished
from grain_codec.benchmarks.runs.task import Description, Outcome
from grain_codec.benchmarks.tables.rows import CAP, Row, Series, read_rows, write_rows
from grain_codec.errors import GrainError, WrongModel

PLAN = Plan(("jpeg", "webp"), (), caps=(120, 484), rungs=(300,), quick=True, size=64)


@pytest.fixture
def files(tmp_path: Path, small_face: np.ndarray) -> list[FaceFile]:
    for name, pixels in {"one": small_face, "two": small_face[:, ::-1]}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return usable_faces(tmp_path, 64)[0]


def run(plan: Plan, files: list[FaceFile], table: Path, jobs: int = 1) -> list[tuple[Outcome, Progress]]:
    """Sweeps, and returns the outcome of each task with the progress after it."""
    outcomes = []
    with Workers(plan, jobs) as workers:
        descriptions = [workers.describe(name) for name in plan.names]
        sweep(files, descriptions, table, workers, lambda *pair: outcomes.append(pair))
    return outcomes


def timeless(table: Path) -> list[Row]:
    return [replace(row, encode_seconds=None, decode_seconds=None) for row in read_rows(table)]


def test_every_face_codec_and_point_has_a_row(tmp_path: Path, files: list[FaceFile]) -> None:
    outcomes = run(PLAN, files, tmp_path / "images.tsv")
    rows = read_rows(tmp_path / "images.tsv")
    assert [(row.image, row.codec) for row in rows[::3]] == [
        ("one.png", "jpeg"), ("one.png", "webp"), ("two.png", "jpeg"), ("two.png", "webp"),
    ]  # fmt: skip
    assert len(rows) == len({row.key for row in rows}) == 12
    assert {row.point for row in rows if row.kind == CAP and not row.fits} == {"120"}
    assert all(row.psnr > 15 for row in rows if row.fits)
    assert [progress.done for _, progress in outcomes] == [1, 2, 3, 4]
    assert outcomes[-1][1].seconds_left == 0 and set(outcomes[0][0].pictures) == {"jpeg"}


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_killed_run_is_gone_on_with(tmp_path: Path, files: list[FaceFile], kept: float) -> None:
    whole, torn = tmp_path / "whole.tsv", tmp_path / "torn.tsv"
    run(PLAN, files, whole)
    content = whole.read_bytes()
    torn.write_bytes(content[: int(kept * len(content))])
    again = run(PLAN, files, torn)
    assert timeless(torn) == timeless(whole)
    # At most the task that was cut, and those after it.
    assert 0 < len(again) <= 4 - int(4 * kept) + 1
    assert run(PLAN, files, torn) == []


def test_half_a_task_is_done_again_and_leaves_no_second_rows(files: list[FaceFile], tmp_path: Path) -> None:
    run(PLAN, files, tmp_path / "images.tsv")
    rows = read_rows(tmp_path / "images.tsv")
    descriptions = [Description(name, "", (Series(name),), ("300",)) for name in PLAN.names]
    (task,) = unfinished(PLAN, files, descriptions, rows[:4] + rows[5:])
    assert (task.face.name, task.codec) == ("one.png", "webp")
    write_rows(tmp_path / "images.tsv", rows[:4] + rows[5:])
    run(PLAN, files, tmp_path / "images.tsv")
    assert len(read_rows(tmp_path / "images.tsv")) == len(rows)


def test_processes_give_what_one_process_gives(tmp_path: Path, files: list[FaceFile]) -> None:
    run(PLAN, files, tmp_path / "one.tsv")
    run(PLAN, files, tmp_path / "two.tsv", jobs=2)
    assert timeless(tmp_path / "two.tsv") == timeless(tmp_path / "one.tsv")


def test_a_face_that_is_gone_fails_alone(tmp_path: Path, files: list[FaceFile]) -> None:
    files[0].path.unlink()
    outcomes = run(PLAN, files, tmp_path / "images.tsv")
    assert [bool(outcome.error) for outcome, _ in outcomes] == [True, True, False, False]
    assert {row.image for row in read_rows(tmp_path / "images.tsv")} == {"two.png"}


def test_models_of_any_kind_take_part(tmp_path: Path, files: list[FaceFile], small_weights: Path) -> None:
    models, size = choose_models((str(small_weights),))
    assert size == 64
    run(replace(PLAN, codecs=(), models=models, caps=(900,)), files[:1], tmp_path / "images.tsv")
    rows = read_rows(tmp_path / "images.tsv")
    assert {row.output for row in rows} == {"fused", "rescaled"}
    assert {row.codec for row in rows} == {"grain-2022"}
    assert {(row.kind, row.point) for row in rows} == {("cap", "900"), ("curve", "q100")}


def test_codecs_are_chosen_by_name() -> None:
    names, warnings = choose_codecs(("webp", "bicubic16", "face-1024"))
    assert names == ("bicubic16", "webp") and not warnings
    with pytest.raises(GrainError, match="unknown codec 'gif'; there are bicubic16"):
        choose_codecs(("gif",))
    assert all(make_codec(PLAN, name).name == name for name in names)


def test_a_quick_run_measures_less_unless_it_is_asked_to():
    quick, _ = complete(Plan((), caps=(), quick=True), ())
    whole, _ = complete(Plan((), caps=()), ())
    assert not {"vvc", "vvc-implied"} & set(quick.names) and set(quick.names) <= set(whole.names)
    assert quick.caps == (200, 484) and set(quick.caps) < set(whole.caps)
    points = [make_codec(plan, "face-1024").points for plan in (quick, whole)]
    assert points[0] == points[1][::3] and len(points[1]) > len(points[0]) > 1
    asked, _ = complete(Plan(("webp",), caps=(300,), quick=True), ())
    assert asked.caps == (300,)


def test_models_that_are_not_there_are_refused() -> None:
    with pytest.raises(WrongModel, match="no model 'grain-2099'"):
        choose_models(("grain-2099",))
    with pytest.raises(WrongModel, match="missing.safetensors"):
        choose_models(("missing.safetensors",))
