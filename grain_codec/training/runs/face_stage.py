"""The stages that draw pictures of whole faces and minimise the shared loss, for every family."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from grain_codec.formats.images.face_sets import FaceSet
from grain_codec.models.spec import Spec
from grain_codec.training.data import streamed_batches
from grain_codec.training.losses.adversarial import Adversary
from grain_codec.training.losses.face_loss import build_loss
from grain_codec.training.runs.stage_run import SHOWN_FACES, StageRun, Tell
from grain_codec.training.settings import Recipe, RunSettings, UnusableSettings
from grain_codec.training.stages import Stage, StageObjective
from grain_codec.training.state_files import OFFICIAL_DISCRIMINATORS, load_module, write_module
from grain_codec.training.trainer import Trainer


class FaceStage(StageRun[StageObjective, FaceSet]):
    """A stage that minimises the shared loss; a subclass gives `new_objective`.

    Attributes:
        stage: the published settings of the stage.
        spec: the model's spec.
        face_size: side of the faces that the objective takes, in pixels.
        usual_batch: faces for each step and process, unless the user chooses another number.
        file_names: the names of the modules' files, by module; a module without one is not written.
        loss: the shared loss.
    """

    usual_batch: int
    file_names: dict[str, str]

    def __init__(self, stage: Stage, spec: Spec, face_size: int, settings: RunSettings, recipe: Recipe):
        """Checks the settings and loads the networks that judge.

        Raises:
            UnusableSettings: an option is missing or does not go with the others.
            WrongModel: a file is not usable.
        """
        super().__init__(stage.name, settings, recipe)
        self.stage, self.spec, self.face_size = stage, spec, face_size
        loss = settings.loss
        self.loss = build_loss(replace(loss, lr=stage.lr_weight) if loss.lr is None else loss)

    @property
    def batch_size(self) -> int:
        """Faces a step and process."""
        return self.settings.batch_size or self.usual_batch

    @abstractmethod
    def new_objective(self) -> StageObjective:
        """The stage's networks and discriminator, with everything that they start from in place."""

    def with_discriminator(self, adversary: Adversary) -> Adversary:
        """An adversary whose discriminator starts from the file that the user names, if any.

        Raises:
            UnusableSettings: the discriminator compares groups of faces that the batch cannot be divided into.
            WrongModel: the file is not usable.
        """
        group = adversary.batch_group
        if self.batch_size > group and self.batch_size % group:
            raise UnusableSettings(f"--batch-size: the discriminator compares groups of {group}; give a multiple.")
        if self.settings.discriminator_weights is not None:
            load_module(adversary.discriminator, self.settings.discriminator_weights)
        return adversary

    def read_faces(self) -> tuple[FaceSet, FaceSet]:
        """See `StageRun.read_faces`; the faces stay on the disk until they are needed."""
        settings = self.settings
        seen = FaceSet(list(settings.validation), self.face_size, "bilinear", settings.validation_faces)
        return FaceSet(list(settings.data), self.face_size, "bilinear"), seen

    def build_objective(self, faces: FaceSet, resumes: bool, tell: Tell) -> StageObjective:
        """See `StageRun.build_objective`."""
        return self.new_objective()

    def batches(self, faces: FaceSet, trainer: Trainer[StageObjective]) -> Iterator[tuple[Tensor, ...]]:
        """Batches of faces `[B, 3, S, S]` in [-1, 1]."""
        settings, device = self.settings, trainer.device
        share, pinned = (trainer.rank, trainer.process_count), device.type == "cuda"
        seed = settings.seed + trainer.step
        for batch in streamed_batches(faces, self.batch_size, seed, settings.flips, settings.workers, share, pinned):
            # Bytes are a quarter of what floats would be on the way to a GPU.
            yield (batch.to(device, non_blocking=True).float() / 127.5 - 1,)

    @torch.no_grad()
    def measure(self, objective: StageObjective, faces: FaceSet, device: torch.device) -> dict[str, float]:
        """Means over the faces of the loss without its adversarial term, of its terms and of the PSNR in dB."""
        sums: dict[str, float] = {}
        with torch.random.fork_rng():
            # The same random numbers in every validation, so that the losses of validations can be compared.
            torch.manual_seed(0)
            for index in range(len(faces)):
                drawn = objective.draw(_face(faces, index, device))
                loss, figures = objective.loss(drawn.picture, drawn.face, drawn.lr)
                error = (drawn.picture.clamp(-1, 1) - drawn.face).square().mean()
                figures = {"loss": loss, **figures, "psnr": 10 * torch.log10(4 / error)}
                sums = {name: sums.get(name, 0.0) + float(value) for name, value in figures.items()}
        return {name: total / len(faces) for name, total in sums.items()}

    @torch.no_grad()
    def pictures(self, objective: StageObjective, faces: FaceSet, device: torch.device) -> Mapping[str, Tensor]:
        """See `StageRun.pictures`."""
        rows = [objective.show(_face(faces, index, device)) for index in range(min(len(faces), SHOWN_FACES))]
        return {caption: torch.cat([row[caption] for row in rows]) for caption in rows[0]}

    def write_modules(self, objective: StageObjective, folder: Path, prefix: str) -> None:
        """The stage's modules, and with every checkpoint the discriminator, as later stages read them."""
        spec = self.spec.to_json()
        for name in self.stage.trains:
            if name in self.file_names:
                write_module(folder / f"{prefix}{self.file_names[name]}", objective.networks[name], spec)
        if objective.adversary is not None and not prefix:
            path = folder / OFFICIAL_DISCRIMINATORS[self.stage.name]
            write_module(path, objective.adversary.discriminator, spec)


def _face(faces: FaceSet, index: int, device: torch.device) -> Tensor:
    """A face as `[1, 3, S, S]` in [-1, 1]."""
    return torch.from_numpy(faces[index])[None].to(device).float() / 127.5 - 1
