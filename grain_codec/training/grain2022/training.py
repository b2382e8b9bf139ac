"""How models of the published kind are trained and exported."""

import math
from collections.abc import Mapping
from pathlib import Path

from grain_codec.models.grain2022.checkpoints import tensors_in
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.spec import MODULES_FOR
from grain_codec.models.tensor_files import read_content
from grain_codec.training.family import TrainingFamily
from grain_codec.training.grain2022.stages import Grain2022Objective, published_adversary
from grain_codec.training.runs.face_stage import FaceStage
from grain_codec.training.runs.stage_run import Tell
from grain_codec.training.settings import ExportSettings, ModuleFiles, Recipe, RunSettings, UnusableSettings
from grain_codec.training.stages import STAGES, Stage
from grain_codec.training.state_files import load_module, load_state
from grain_codec.weights import network_tensors, write_model

OFFICIAL_NAMES = {"rescaling": "invRRDB_model.pt", "prior": "codeStyleGAN_model.pt", "fusion": "Fusion_model.pt"}
"""The file of each module."""

NOT_LEARNT = ("noises.", ".kernel")  # Parts of the names of a generator's tensors that its file may lack.


class Grain2022Training(TrainingFamily[Grain2022Spec]):
    """All stages draw pictures and share one loss."""

    def refused_options(self, stage: str) -> Mapping[str, str]:
        """See `TrainingFamily.refused_options`."""
        return dict.fromkeys(("start", "cell_rate", "drawn_faces"), "is for face-1024")

    def stage_run(self, stage: str, spec: Grain2022Spec, settings: RunSettings) -> FaceStage:
        """See `TrainingFamily.stage_run`."""
        return PublishedStage(STAGES[stage], spec, settings)

    def export(self, spec: Grain2022Spec, settings: ExportSettings, tell: Tell) -> Path:
        """See `TrainingFamily.export`."""
        networks = self.trained_networks(spec, settings.modules)
        return write_model(settings.output_dir, spec, network_tensors(networks), settings.origin)

    def trained_networks(self, spec: Grain2022Spec, modules: ModuleFiles) -> Grain2022:
        """See `TrainingFamily.trained_networks`: as many modules as there are, at least the rescaling module."""
        found = {name: modules.latest(name, OFFICIAL_NAMES[name]) for name in MODULES_FOR["fused"]}
        if found["rescaling"] is None:
            raise UnusableSettings("no trained rescaling module: give --exp-dir or --rescaling-checkpoint.")
        networks = Grain2022(spec, [name for name, path in found.items() if path is not None])
        for name, path in found.items():
            if path is not None:
                _load(networks, name, path, modules)
        return networks.eval().requires_grad_(False)


class PublishedStage(FaceStage):
    """A stage as published: Ranger at a constant learning rate, every gradient as it is, no averaging."""

    usual_batch = 1
    file_names = OFFICIAL_NAMES

    def __init__(self, stage: Stage, spec: Grain2022Spec, settings: RunSettings):
        """See `FaceStage`."""
        recipe = Recipe(
            learning_rate=stage.learning_rate,
            schedule="constant",
            warm_up=0,
            optimizer="ranger",
            clip=math.inf,
            average=0.0,
            validate_every=20_000,
        )
        super().__init__(stage, spec, spec.image_size, settings, recipe)
        self.published_spec = spec

    def new_objective(self) -> Grain2022Objective:
        """See `FaceStage.new_objective`."""
        networks = Grain2022(self.published_spec, {*self.stage.needs, *self.stage.trains})
        self._load_starts(networks)
        adversary = None
        if self.settings.loss.adversarial:
            adversary = self.with_discriminator(published_adversary(self.published_spec, self.stage))
        return Grain2022Objective(networks, self.stage, self.loss, adversary, self.settings.official_noise)

    def _load_starts(self, networks: Grain2022) -> None:
        """Puts into place what earlier stages have trained, and before a fresh code encoder the pretrained generator.

        Raises:
            UnusableSettings: a file is missing; the text names the option for it.
            WrongModel: a file is not usable.
        """
        modules = self.settings.modules
        for name in networks:
            is_needed = name in self.stage.needs
            path = modules.needed(name, OFFICIAL_NAMES[name]) if is_needed else modules.named(name)
            if path is not None:
                _load(networks, name, path, modules)
            elif name == "prior":
                if modules.generator_weights is None:
                    raise UnusableSettings(
                        "this stage trains codes for a pretrained generator: give --generator-weights."
                    )
                load_prior(networks.prior, None, modules.generator_weights)


def load_prior(prior: GenerativePrior, path: Path | None, generator: Path | None) -> None:
    """Puts what files hold of a prior module in place.

    Args:
        path: the module's file; None leaves the code encoder as it is. Our file has the generator, with which the
            code encoder was trained, and its mean code.
        generator: the generator's own file; its generator and mean code are used before those in the module's file,
            which lacks the mean code where it is an official one.

    Raises:
        WrongModel: a file cannot be read or is of another size, or the mean code is in neither.
    """
    own = prior.state_dict()
    tensors = {name: value for name, value in own.items() if path is None and name.startswith("encoder.")}
    for kind, file in (("codestylegan", path), ("stylegan", generator)):
        if file is not None:
            parts = tensors_in(kind, read_content(file), file, generator is not None, prior.latent_avg.numel())
            for prefix, found in parts.items():
                tensors.update((f"{prefix}{name}".removeprefix("prior."), value) for name, value in found.items())
    kept = {name: own[name] for name in own if name not in tensors and any(part in name for part in NOT_LEARNT)}
    load_state(prior, {**kept, **tensors}, path or generator or Path())


def _load(networks: Grain2022, name: str, path: Path, modules: ModuleFiles) -> None:
    """Puts the file of a module in place."""
    if name == "prior":
        load_prior(networks.prior, path, modules.generator_weights)
    else:
        load_module(networks[name], path)
