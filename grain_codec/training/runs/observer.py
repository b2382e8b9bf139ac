"""What a run reports: lines for the user, the log, validation, contact sheets, files of the trained modules."""

from __future__ import annotations

from typing import Generic

from grain_codec.training.run_log import RunLog
from grain_codec.training.runs.stage_run import Faces, ObjectiveType, StageRun, Tell
from grain_codec.training.trainer import Trainer
from grain_codec.whole_files import write_whole


class RunObserver(Generic[ObjectiveType, Faces]):
    """Reports what the trainer tells; see `grain_codec.training.trainer.Observer`."""

    def __init__(self, run: StageRun[ObjectiveType, Faces], trainer: Trainer[ObjectiveType], faces: Faces, tell: Tell):
        """Opens the log.

        Args:
            run: measures, draws and writes.
            trainer: stands at the step that the run goes on from.
            faces: to measure on.
            tell: takes the lines.
        """
        self.run, self.trainer, self.faces, self.tell = run, trainer, faces, tell
        self.folder = run.settings.folder(run.stage_name)
        if self.folder is None and run.writes_modules:
            self.folder = trainer.checkpoint.parent
        log = trainer.checkpoint.with_suffix(".csv") if self.folder is None else self.folder / "log.csv"
        self.log = RunLog(log, trainer.step)

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None:
        """Tells and logs the means of the training figures."""
        self.log.add(step, "train", figures)
        self.tell(f"step {step}  minutes {minutes:.1f}  {_text(figures)}")

    def validate(self, step: int) -> None:
        """Measures and draws; keeps the modules as `best_` ones when their loss is the lowest so far."""
        objective, device = self.trainer.objective, self.trainer.device
        figures, lowest = self.run.measure(objective, self.faces, device), self.log.lowest("validation", "loss")
        if self.folder is not None and figures.get("loss", float("inf")) < lowest:
            self.run.write_modules(objective, self.folder, "best_")
        self.log.add(step, "validation", figures)
        self.tell(f"step {step}  validation  {_text(figures)}")
        if self.folder is not None:
            sheets = self.folder / "sheets"
            sheets.mkdir(parents=True, exist_ok=True)
            sheet = self.run.contact_sheet(objective, self.faces, device)
            write_whole(sheets / f"step-{step:07d}.jpg", sheet, force=True)

    def saved(self, step: int) -> None:
        """Writes the modules of the checkpoint."""
        if self.folder is not None:
            self.run.write_modules(self.trainer.objective, self.folder, "")


def _text(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
