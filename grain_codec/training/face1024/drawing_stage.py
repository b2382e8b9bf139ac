"""The stages of face-1024 beyond the first: for the prior, the fusion, and both together.

None of them changes the rescaling module, so that files keep their meaning, and `rescaled` stays the faithful picture
beside `fused`, the natural one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.face1024.face_generator import DrawnFaces, FaceGenerator
from grain_codec.training.face1024.prior_objective import PriorObjective, drawn_faces
from grain_codec.training.face1024.window_objective import WindowObjective
from grain_codec.training.losses.windows import WindowAdversary
from grain_codec.training.runs.face_stage import FaceStage
from grain_codec.training.runs.stage_run import SHOWN_FACES, StageRun, Tell
from grain_codec.training.settings import ModuleFiles, Recipe, RunSettings, UnusableSettings
from grain_codec.training.stages import Stage
from grain_codec.training.state_files import load_module, load_state, write_module
from grain_codec.training.trainer import Trainer
from grain_codec.weights import find_model, load_networks, read_model

FILE_NAMES = {"prior": "prior.pt", "fusion": "fusion.pt"}  # The files of the modules that these stages train.


class PriorStage(StageRun[PriorObjective, DrawnFaces]):
    """The network that reads the view learns from the faces of a pretrained generator, which it then shares.

    The photographs of --data are not needed: the generator draws as many faces as are asked for.
    """

    usual_batch = 8

    def __init__(self, stage: Stage, spec: Face1024Spec, settings: RunSettings):
        """Raises UnusableSettings where no pretrained generator is named, WrongModel where its file is none."""
        super().__init__(stage.name, settings, Recipe(learning_rate=1.5e-3, warm_up=50, checkpoint_every=200))
        if settings.modules.generator_weights is None:
            raise UnusableSettings("this stage learns from a pretrained generator: give --generator-weights.")
        self.spec = replace(spec, drawing=spec.drawing or DrawingSpec())
        self.networks = networks_with_rescaling(self.spec, settings.modules)
        levels = len(self.networks.prior.generator.scalings)
        self.teacher = FaceGenerator(settings.modules.generator_weights, levels)
        self.teacher.load_upper_half(self.networks.prior.generator)

    def read_faces(self) -> tuple[DrawnFaces, DrawnFaces]:
        """Draws the faces to train on, and SHOWN_FACES others to measure on."""
        seed, count = self.settings.seed, self.settings.drawn_faces
        drawn = (drawn_faces(self.teacher, self.networks, n, s) for n, s in ((count, seed), (SHOWN_FACES, seed + 1)))
        training, validation = drawn
        return training, validation

    def build_objective(self, faces: DrawnFaces, resumes: bool, tell: Tell) -> PriorObjective:
        """See `StageRun.build_objective`."""
        objective = PriorObjective(self.networks)
        objective.measure_distribution(faces)
        return objective

    def batches(self, faces: DrawnFaces, trainer: Trainer[PriorObjective]) -> Iterator[tuple[Tensor, ...]]:
        """Random batches of drawn faces."""
        generator = torch.Generator().manual_seed(self.settings.seed + 1000 * trainer.rank + trainer.step)
        count = min(self.settings.batch_size or self.usual_batch, len(faces.codes))
        while True:
            chosen = torch.randperm(len(faces.codes), generator=generator)[:count]
            yield tuple(part[chosen].to(trainer.device) for part in faces)

    @torch.no_grad()
    def measure(self, objective: PriorObjective, faces: DrawnFaces, device: torch.device) -> dict[str, float]:
        """The loss and its parts."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            outcome = objective(*(part.to(device) for part in faces))
        return {name: float(value) for name, value in {"loss": outcome.loss, **outcome.figures}.items()}

    @torch.no_grad()
    def pictures(self, objective: PriorObjective, faces: DrawnFaces, device: torch.device) -> Mapping[str, Tensor]:
        """See `StageRun.pictures`: the generator's faces, and what the prior draws of their views."""
        views = faces.pictures[:SHOWN_FACES].to(device)
        step = torch.full((len(views),), self.spec.detail_step(0), device=device)
        unshifted = torch.zeros(len(views), 2, dtype=torch.int64, device=device)
        prior, _ = self.networks.prior(*self.networks.prior.predict(views, step), unshifted)
        small = torch.nn.functional.interpolate(prior, views.shape[-2:], mode="area")
        return {"face": views * 2 - 1, "prior": small * 2 - 1}

    def write_modules(self, objective: PriorObjective, folder: Path, prefix: str) -> None:
        """See `StageRun.write_modules`."""
        write_module(folder / f"{prefix}{FILE_NAMES['prior']}", objective.networks.prior, self.spec.to_json())


class DrawingStage(FaceStage):
    """Adam at a falling learning rate on windows of photographs; the averaged weights are kept."""

    usual_batch = 2
    file_names = FILE_NAMES

    def __init__(self, stage: Stage, spec: Face1024Spec, settings: RunSettings):
        """See `FaceStage`; a spec without sizes of the drawing modules gets the usual ones."""
        self.drawn_spec = replace(spec, drawing=spec.drawing or DrawingSpec())
        recipe = Recipe(learning_rate=2.5e-4, warm_up=100, average=0.995, checkpoint_every=250, momentum=0.5)
        super().__init__(stage, self.drawn_spec, spec.image_size, settings, recipe)

    def new_objective(self) -> WindowObjective:
        """See `FaceStage.new_objective`."""
        modules = self.settings.modules
        networks = networks_with_rescaling(self.drawn_spec, modules)
        for name, file_name in FILE_NAMES.items():
            # A fusion that no stage has trained yet changes nothing, which is where its training starts.
            path = modules.needed(name, file_name) if name == "prior" else modules.latest(name, file_name)
            if path is not None:
                load_module(networks[name], path)
        adversary = None
        if self.settings.loss.adversarial:
            adversary = WindowAdversary()
            self.with_discriminator(adversary)
        return WindowObjective(networks, self.stage, self.loss, adversary)


def networks_with_rescaling(spec: Face1024Spec, modules: ModuleFiles) -> Face1024:
    """Fresh networks with the rescaling module of the weights that the drawing modules will go with."""
    networks = Face1024(spec)
    base = base_weights(spec, modules)
    load_state(networks.rescaling, load_networks(read_model(base))["rescaling"].state_dict(), base)
    return networks


def base_weights(spec: Face1024Spec, modules: ModuleFiles) -> Path:
    """The weights file with the rescaling module: the one that the user names, or the shipped one."""
    return modules.rescaling_checkpoint or find_model(spec.name)
