"""What a run tells: lines on standard output, the log, validation, contact sheets, modules in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from grain_codec.training.run_log import RunLog
from grain_codec.whole_files import write_whole


class RunObserver:
    """Passes on what the trainer tells; see `grain_codec.training.trainer.Observer`."""

    def __init__(
        self,
        log: RunLog,
        measure: Callable[[], dict[str, float]],
        sheet: Callable[[], bytes] | None = None,
        sheets: Path | None = None,
        write_modules: Callable[[str], None] | None = None,
    ):
        """Prepares the reports.

        Args:
            log: takes all figures.
            measure: figures on the validation faces.
            sheet: draws the contact sheet as a JPEG.
            sheets: the folder that contact sheets are written to; None for no sheets.
            write_modules: writes the trained modules' files, their names beginning with the text it is
                given: "" after every checkpoint, "best_" after every validation with the lowest loss so far.
        """
        self.log, self.measure, self.sheet, self.sheets = log, measure, sheet, sheets
        self.write_modules = write_modules

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None:
        """Prints and logs a row."""
        self.log.add(step, "train", figures)
        click.echo(f"step {step}  minutes {minutes:.1f}  {_text(figures)}")

    def validate(self, step: int) -> None:
        """Measures, draws, and keeps the modules when they are the best so far."""
        figures, best = self.measure(), self.log.lowest("validation", "loss")
        if self.write_modules is not None and figures.get("loss", float("inf")) < best:
            self.write_modules("best_")
        self.log.add(step, "validation", figures)
        click.echo(f"step {step}  validation  {_text(figures)}")
        if self.sheet is not None and self.sheets is not None:
            self.sheets.mkdir(parents=True, exist_ok=True)
            write_whole(str(self.sheets / f"step-{step:07d}.jpg"), self.sheet(), force=True)

    def saved(self, step: int) -> None:
        """Writes the modules of the checkpoint."""
        if self.write_modules is not None:
            self.write_modules("")


def _text(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
