"""The training of one stage, whatever the family: faces in, objective, trainer, figures and files out."""

import io
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grain_codec.formats.images.contact_sheet import Tile, contact_sheet
from grain_codec.training.run_log import RunLog
from grain_codec.training.runs.processes import processes
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.trainer import Trainer
from grain_codec.whole_files import remove_abandoned, write_whole


def train_stage(run: StageRun[Any, Any], tell: Tell) -> None:
    """Trains until the recipe's steps or minutes are over, from the checkpoint where there is one.

    Args:
        run: the stage.
        tell: takes lines of progress.

    Raises:
        UnusableSettings: nothing says where the run leaves its files, or something that it starts from is missing.
        GrainError: a face or a file is not usable, or there is no such device.
        OSError: a file cannot be read or written.
    """
    settings = run.settings
    state_path = settings.state_path(run.stage_name)
    with processes(settings.device) as device:
        faces, validation_faces = run.read_faces()
        tell(f"{len(faces)} training faces, {len(validation_faces)} validation faces, on {device}")
        torch.manual_seed(settings.seed)
        objective = run.build_objective(faces, state_path.exists(), tell)
        trainer = Trainer(objective, replace(run.recipe, **settings.recipe), device, state_path)
        torch.manual_seed(settings.seed + 1000 * trainer.rank + trainer.step)
        observer = None
        if trainer.rank == 0:
            # Files that a killed run has left half written.
            remove_abandoned(str(state_path.parent), time.time())
            observer = RunObserver(run, trainer, validation_faces, tell)
        trainer.run(run.batches(faces, trainer), observer)


class RunObserver:
    """Reports what the trainer tells, as lines, in the log, as contact sheets and as files of modules."""

    def __init__(self, run: StageRun[Any, Any], trainer: Trainer[Any], faces: Any, tell: Tell):
        """Opens the log.

        Args:
            run: measures, draws and writes.
            trainer: stands at the step that the run goes on from.
            faces: to measure on, as `run` has read them.
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
            sheet = self.folder / "sheets" / f"step-{step:07d}.jpg"
            sheet.parent.mkdir(parents=True, exist_ok=True)
            write_whole(sheet, _jpeg(self.run.pictures(objective, self.faces, device)), force=True)

    def saved(self, step: int) -> None:
        """Writes the modules of the checkpoint."""
        if self.folder is not None:
            self.run.write_modules(self.trainer.objective, self.folder, "")


def _text(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _jpeg(columns: Mapping[str, Tensor]) -> bytes:
    """A contact sheet with a row for each face and a column of `[N, 3, H, W]` for each caption."""
    tiles = []
    for caption, pictures in columns.items():
        pixels = ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        tiles.append([Tile(each, caption) for each in pixels])
    written = io.BytesIO()
    contact_sheet(list(zip(*tiles))).save(written, "JPEG", quality=90)
    return written.getvalue()
