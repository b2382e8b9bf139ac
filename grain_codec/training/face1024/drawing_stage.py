"""The stages of face-1024 beyond the first, from the files that they start from to their objective."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.face1024.stages import Face1024Objective, face1024_adversary
from grain_codec.training.module_files import load_module, load_state
from grain_codec.training.runs.face_stage import FaceStage
from grain_codec.training.settings import ModuleFiles, Recipe, RunSettings
from grain_codec.training.stages import Stage
from grain_codec.weights import find_model, load_networks, read_model

FILE_NAMES = {"prior": "prior.pt", "fusion": "fusion.pt"}
"""The files of the modules that these stages train."""


class DrawingStage(FaceStage):
    """Adam at a falling learning rate; the averaged weights are kept."""

    usual_batch = 16
    file_names = FILE_NAMES

    def __init__(self, stage: Stage, spec: Face1024Spec, settings: RunSettings):
        """See `FaceStage`; a spec without sizes of the drawing modules gets the usual ones."""
        self.drawing = spec.drawing or DrawingSpec()
        self.drawn_spec = replace(spec, drawing=self.drawing)
        rate = 4e-4 if stage.name == "finetune" else 1e-3
        recipe = Recipe(learning_rate=rate, warm_up=50, average=0.99, checkpoint_every=250)
        super().__init__(stage, self.drawn_spec, self.drawing.size, settings, recipe)

    def new_objective(self) -> Face1024Objective:
        """See `FaceStage.new_objective`."""
        networks, modules = Face1024(self.drawn_spec), self.settings.modules
        base = base_weights(self.drawn_spec, modules)
        load_state(networks.rescaling, load_networks(read_model(base))["rescaling"].state_dict(), base)
        for name, file_name in FILE_NAMES.items():
            is_needed = name in self.stage.needs
            path = modules.needed(name, file_name) if is_needed else modules.named(name)
            if path is not None:
                load_module(networks[name], path)
        adversary = None
        if self.loss.weights.adversarial:
            window = self.settings.adv_window
            adversary = self.with_discriminator(face1024_adversary(self.drawing, self.stage, window))
        return Face1024Objective(networks, self.stage, self.loss, adversary)


def base_weights(spec: Face1024Spec, modules: ModuleFiles) -> Path:
    """The weights file with the rescaling module: the one that the user names, or the shipped one."""
    return modules.rescaling_checkpoint or find_model(spec.name)
