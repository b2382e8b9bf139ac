"""The figures of a run: a CSV file always, TensorBoard where it is installed."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from types import ModuleType

COLUMNS = ("step", "split", "figure", "value")


class RunLog:
    """One row for every figure of every report, in the order of the steps.

    A run that goes on from a checkpoint takes out the rows of the steps that it repeats.
    """

    def __init__(self, path: Path, step: int):
        """Opens the log of a run that stands at `step`; event files for TensorBoard lie in a folder beside it."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_all([row for row in read_log(path) if row[0] <= step])
        events = _tensorboard()
        self._events = None
        if events is not None:
            self._events = events.SummaryWriter(str(path.with_suffix("")) + "-events", purge_step=step + 1)

    def add(self, step: int, split: str, figures: dict[str, float]) -> None:
        """Appends figures; `split` says what they were measured on, "train" or "validation"."""
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows(
            (step, split, name, f"{value:.8g}") for name, value in figures.items()
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(rows.getvalue())
        if self._events is not None:
            for name, value in figures.items():
                self._events.add_scalar(f"{split}/{name}", value, step)
            self._events.flush()

    def lowest(self, split: str, figure: str) -> float:
        """The smallest value of a figure so far; infinite when there is none."""
        values = [row[3] for row in read_log(self.path) if row[1:3] == (split, figure)]
        return min(values, default=float("inf"))

    def _write_all(self, rows: list[tuple[int, str, str, float]]) -> None:
        partial = self.path.with_name(self.path.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((step, split, name, f"{value:.8g}") for step, split, name, value in rows)
        os.replace(partial, self.path)


def read_log(path: Path) -> list[tuple[int, str, str, float]]:
    """The rows of a log; a last line that a kill cut short is left out. No file gives no rows."""
    rows = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                try:
                    step, split, figure, value = row
                    rows.append((int(step), split, figure, float(value)))
                except ValueError:
                    continue
    return rows


def _tensorboard() -> ModuleType | None:
    """Torch's writer of event files, where the package `tensorboard` is installed."""
    try:
        from torch.utils import tensorboard
    except ImportError:
        return None
    return tensorboard
