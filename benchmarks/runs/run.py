"""The folder of a report: a run that measures into it, and everything that is drawn from its table again."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grain_codec.benchmarks.packages import require
from grain_codec.benchmarks.report.requirements import missing_packages
from grain_codec.benchmarks.runs.environment import (
    check_same_run,
    environment_of,
    peak_memory,
    read_environment,
    write_environment,
)
from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.picture_store import INDEX, PictureStore, chosen_faces
from grain_codec.benchmarks.runs.plan import Plan
from grain_codec.benchmarks.runs.sweep import Progress, Workers, sweep
from grain_codec.benchmarks.runs.task import Outcome
from grain_codec.benchmarks.tables.anchor_comparison import compare_with_anchor, write_comparisons, write_curves
from grain_codec.benchmarks.tables.rows import Row, read_rows, write_rows
from grain_codec.benchmarks.tables.summary import Results
from grain_codec.benchmarks.tables.text_tables import caps_text, comparisons_text
from grain_codec.errors import GrainError

TABLE, ENVIRONMENT, PICTURES, CURVES, COMPARISON = "images.tsv", "environment.json", "pictures", "curves", "bdrate.tsv"


def measure(
    plan: Plan,
    faces: list[FaceFile],
    folder: Path,
    jobs: int,
    warnings: list[str],
    on_outcome: Callable[[Outcome, Progress], None],
) -> list[str]:
    """Measures what the folder's table lacks, and records the environment of the run.

    Args:
        folder: created if missing; a killed run with the same settings in it is continued.
        jobs: the number of processes.
        warnings: the warnings that readers of the report should see.
        on_outcome: called after each task.

    Returns:
        A line for each task that failed.

    Raises:
        OtherSettings: the folder holds a run with other settings.
        GrainError: a codec is not available, or the worker processes keep dying.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    pictures = PictureStore(folder / PICTURES)
    failures = []

    def keep(outcome: Outcome, progress: Progress) -> None:
        pictures.add(outcome)
        if outcome.error:
            failures.append(f"{outcome.task.face.name}: {outcome.task.codec}: {outcome.error}")
        if outcome.warning and outcome.warning not in environment["warnings"]:
            environment["warnings"].append(outcome.warning)
        on_outcome(outcome, progress)

    with Workers(plan, jobs) as workers:
        descriptions = [workers.describe(name) for name in plan.names]
        environment = environment_of(plan, descriptions, faces)
        recorded = _recorded(folder, environment)
        environment["warnings"] = list(dict.fromkeys([*recorded.get("warnings", []), *warnings]))
        write_environment(folder / ENVIRONMENT, environment)
        sweep(faces, descriptions, folder / TABLE, workers, keep)
    pictures.choose(chosen_faces(read_rows(folder / TABLE), plan.picture_cap), faces, plan.size)
    environment["minutes"] = round(recorded.get("minutes", 0) + (time.monotonic() - started) / 60, 1)
    environment["machine"]["processes"] = jobs
    if not plan.quick:
        peaks = peak_memory(plan, faces[0])
        environment["machine"]["peak memory"] = ", ".join(f"{name} {size} MiB" for name, size in peaks.items())
    write_environment(folder / ENVIRONMENT, environment)
    return failures


def clear(folder: Path) -> None:
    """Removes an earlier run from a folder, and nothing else."""
    pictures = folder / PICTURES
    for path in (
        *(folder / name for name in (TABLE, ENVIRONMENT, COMPARISON)),
        *pictures.glob("*.webp"),
        pictures / INDEX,
    ):
        path.unlink(missing_ok=True)


def redraw(table: Path, folder: Path, anchor: str) -> str:
    """Draws everything from a table and what lies beside it; nothing is encoded.

    Where packages that draw the report are missing, it writes the tables alone.

    Args:
        table: images.tsv of a run; its folder holds the record and the pictures, which the report else lacks.
        folder: where the report goes; made when missing.
        anchor: the codec that the others are compared with.

    Returns:
        The tables in words.

    Raises:
        GrainError: the table is none, is empty, or lacks the anchor.
        PackageMissing: a package that the tables need is not installed.
        OSError: it cannot be read.
    """
    check_packages()
    rows = read_rows(table)
    if not any(row.fits for row in rows):
        raise GrainError(f"{table}: holds no file of any codec")
    results = Results(rows)
    comparisons = compare_with_anchor(results, anchor)
    record = table.parent / ENVIRONMENT
    environment = read_environment(record) if record.exists() else {}
    folder.mkdir(parents=True, exist_ok=True)
    _copy_run(table, rows, folder)
    write_comparisons(folder / COMPARISON, comparisons)
    write_curves(folder / CURVES, results, environment.get("size", 1024) ** 2, environment.get("settings", {}))
    if not missing_packages():
        from grain_codec.benchmarks.report.figures import write_plot
        from grain_codec.benchmarks.report.report import write_report

        write_report(rows, environment, folder, PictureStore(folder / PICTURES).read(), comparisons)
        write_plot(rows, folder)
    return "\n\n".join((caps_text(results), comparisons_text(comparisons)))


def check_packages() -> None:
    """Raises PackageMissing where a package that `redraw` needs is not installed."""
    require("BD-rates need one more package", "bench", "bjontegaard")


def _recorded(folder: Path, environment: dict[str, Any]) -> dict[str, Any]:
    """The record of the run that the folder holds; an empty one if it holds none."""
    record, table = folder / ENVIRONMENT, folder / TABLE
    if not table.exists():
        return {}
    if not record.exists():
        raise GrainError(f"{table} has no {ENVIRONMENT} that tells how it was measured; --force starts anew")
    recorded = read_environment(record)
    check_same_run(environment, recorded)
    return recorded


def _copy_run(table: Path, rows: list[Row], folder: Path) -> None:
    """Puts table, record and pictures into the report's folder, where they are not there already."""
    if table.parent.resolve() == folder.resolve():
        return
    write_rows(folder / TABLE, rows)
    if (table.parent / ENVIRONMENT).exists():
        shutil.copyfile(table.parent / ENVIRONMENT, folder / ENVIRONMENT)
    if (table.parent / PICTURES / INDEX).exists():
        shutil.copytree(table.parent / PICTURES, folder / PICTURES, dirs_exist_ok=True)
