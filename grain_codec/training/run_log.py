"""The figures of a run: a CSV file always, TensorBoard where it is installed."""

import csv
import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from grain_codec.whole_files import write_whole


class Row(NamedTuple):
    """The value of one figure in one report."""

    step: int
    split: str
    figure: str
    value: float

    def texts(self) -> tuple[str, ...]:
        """The row as the file has it."""
        return str(self.step), self.split, self.figure, f"{self.value:.8g}"


class RunLog:
    """One row for every figure of every report, in the order of the steps.

    A run that goes on from a checkpoint takes out the rows of the steps that it repeats.
    """

    def __init__(self, path: Path, step: int):
        """Opens the log of a run that stands at `step`; event files for TensorBoard lie in a folder beside it."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row.texts() for row in read_log(path) if row.step <= step]
        write_whole(path, _lines([Row._fields, *kept]).encode(), force=True)
        self._events: Any = None
        # Without the package `tensorboard` there are no event files.
        with suppress(ImportError):
            from torch.utils import tensorboard

            self._events = tensorboard.SummaryWriter(f"{path.with_suffix('')}-events", purge_step=step + 1)

    def add(self, step: int, split: str, figures: dict[str, float]) -> None:
        """Appends figures; `split` says what they were measured on, "train" or "validation"."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_lines(Row(step, split, name, value).texts() for name, value in figures.items()))
        if self._events is not None:
            for name, value in figures.items():
                self._events.add_scalar(f"{split}/{name}", value, step)
            self._events.flush()

    def lowest(self, split: str, figure: str) -> float:
        """The smallest value of a figure so far; infinite when there is none."""
        values = [row.value for row in read_log(self.path) if (row.split, row.figure) == (split, figure)]
        return min(values, default=float("inf"))


def read_log(path: Path) -> list[Row]:
    """The rows of a log, none where there is no file; a last line that a kill cut short is left out."""
    rows = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                try:
                    step, split, figure, value = row
                    rows.append(Row(int(step), split, figure, float(value)))
                except ValueError:
                    continue
    return rows


def _lines(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
