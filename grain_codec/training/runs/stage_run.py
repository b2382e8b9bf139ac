"""The interface through which a run trains one stage of one model; each family implements its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sized
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from grain_codec.training.objectives import Objective
from grain_codec.training.settings import Recipe, RunSettings
from grain_codec.training.trainer import Trainer

Faces = TypeVar("Faces", bound=Sized)
ObjectiveType = TypeVar("ObjectiveType", bound=Objective)

Tell = Callable[[str], None]  # Takes a line of progress for the user.

SHOWN_FACES = 8  # Most rows of a contact sheet.


class StageRun(ABC, Generic[ObjectiveType, Faces]):
    """One stage of one model, set up as the user asks.

    Attributes:
        writes_modules: whether the stage leaves files of modules; one that does not leaves only its log beside a
            checkpoint outside of --exp-dir.
        stage_name: the command that trains the stage.
        settings: the user's settings.
        recipe: how the stage is trained, unless the user chooses otherwise.
    """

    writes_modules: ClassVar[bool] = True

    def __init__(self, stage_name: str, settings: RunSettings, recipe: Recipe):
        self.stage_name, self.settings, self.recipe = stage_name, settings, recipe

    @abstractmethod
    def read_faces(self) -> tuple[Faces, Faces]:
        """The faces to train on, and those to measure on.

        Raises:
            BadImage: a source holds no image, or one that cannot be read.
        """

    @abstractmethod
    def build_objective(self, faces: Faces, resumes: bool, tell: Tell) -> ObjectiveType:
        """The networks with everything that they start from, as the objective that trains them.

        Args:
            faces: the faces to train on.
            resumes: whether a checkpoint with the trained weights will be read afterwards.
            tell: takes lines of progress.
        """

    @abstractmethod
    def batches(self, faces: Faces, trainer: Trainer[ObjectiveType]) -> Iterator[tuple[Tensor, ...]]:
        """Endless batches, each the arguments of the objective's forward."""

    @abstractmethod
    def measure(self, objective: ObjectiveType, faces: Faces, device: torch.device) -> dict[str, float]:
        """Figures on the validation faces; the lowest "loss", where there is one, marks the best modules."""

    @abstractmethod
    def pictures(self, objective: ObjectiveType, faces: Faces, device: torch.device) -> Mapping[str, Tensor]:
        """Columns of the contact sheet: by caption, pictures of the first SHOWN_FACES validation faces.

        Each is `[N, 3, H, W]`, nominally in [-1, 1].
        """

    def write_modules(self, objective: ObjectiveType, folder: Path, prefix: str) -> None:
        """Writes the files of the trained modules, under names that begin with `prefix`."""
