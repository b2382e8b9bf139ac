"""The stages of face-1024 beyond the first: for the prior, the fusion, and both together.

None of them changes the rescaling module, so that files keep their meaning, and `rescaled` stays the faithful picture
beside `fused`, the natural one.
"""

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.models.grain2022.stylegan2 import STANDARD_DEVIATION_GROUP, StyleGAN2Discriminator
from grain_codec.training.losses.adversarial import Adversary, NonSaturatingAdversary
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.losses.windows import WindowAdversary
from grain_codec.training.objectives import freeze_all_but
from grain_codec.training.runs.face_stage import FaceStage
from grain_codec.training.settings import ModuleFiles, Recipe, RunSettings
from grain_codec.training.stages import Drawn, Stage, StageObjective
from grain_codec.training.state_files import load_module, load_state
from grain_codec.weights import find_model, load_networks, read_model

FILE_NAMES = {"prior": "prior.pt", "fusion": "fusion.pt"}  # The files of the modules that these stages train.
SHOWN_QUALITY = 24  # Fine quality of the faces on contact sheets.

FACES_PER_FOLLOWER = 3
"""Where the prior is trained for the fusion, a third of the faces also train the layer that draws the prior's own
picture."""

DISCRIMINATOR_CHANNELS = {4: 256, 8: 256, 16: 256, 32: 256, 64: 128, 128: 64, 256: 32, 512: 16, 1024: 8}
"""Channels of the discriminator's feature maps by their sizes."""


class Face1024Objective(StageObjective):
    """One stage of face-1024 on what a decoder has: views that were quantised at random qualities.

    Attributes:
        prior_follows: whether the layer that draws the prior's own picture is trained beside the fusion.
    """

    networks: Face1024

    def __init__(self, networks: Face1024, stage: Stage, loss: FaceLoss, adversary: Adversary | None = None):
        """Freezes what the stage does not train; `networks` has all three modules."""
        super().__init__(networks, stage, loss, adversary)
        freeze_all_but(networks, [networks[name] for name in stage.trains if name != "rescaling"])
        self.prior_follows = stage.picture == "fused" and "prior" in stage.trains
        frozen = [f"networks.{name}" for name in networks if name == "rescaling" or name not in stage.trains]
        self.restored_elsewhere = ("loss", *frozen)

    def draw(self, face: Tensor) -> Drawn:
        """The stage's picture of faces `[B, 3, D, D]` in [-1, 1], each at a random fine quality."""
        qualities = torch.randint(0, self.networks.spec.fine_qualities, (len(face),))
        view, step = self.decoded_views(face, qualities)
        prior, features = self.networks.prior(view, step)
        if self.stage.picture == "prior":
            return Drawn(face, prior * 2 - 1)
        fused = self.networks.fusion(view, step, features) * 2 - 1
        follower = self._prior_alone(face, view, features[-1]) if self.prior_follows else None
        return Drawn(face, fused, follower=follower)

    def show(self, face: Tensor) -> dict[str, Tensor]:
        """The face, `rescaled` and the stage's picture at one quality, in [-1, 1]."""
        qualities = torch.full((len(face),), SHOWN_QUALITY)
        view, step = self.decoded_views(face, qualities)
        rescaled = F.interpolate(view, face.shape[-2:], mode="bicubic", align_corners=False)
        picture = self.networks.draw_natural(view, step, self.stage.picture)
        return {"face": face, "rescaled": rescaled * 2 - 1, self.stage.picture: picture * 2 - 1}

    @torch.no_grad()
    def decoded_views(self, face: Tensor, qualities: Tensor) -> tuple[Tensor, Tensor]:
        """The views `[B, 3, V, V]` and steps `[B]` that a decoder has of faces `[B, 3, D, D]` at qualities `[B]`."""
        rescaling, spec = self.networks.rescaling, self.networks.spec
        step = spec.coarsest_step * 2.0 ** (-qualities.to(face.device) / spec.steps_per_octave)
        view = antialiased_resize((face.float() + 1) / 2, spec.view_size).clamp(0, 1)
        found = rescaling.analyse(antialiased_resize(view, GRID).clamp(0, 1), view, step)
        return found.view.float().clamp(0, 1), step

    def _prior_alone(self, face: Tensor, view: Tensor, finest: Tensor) -> Drawn:
        """The prior's own picture of some faces. Its gradient ends at the layer that draws it from the features."""
        some = slice(-(-len(face) // FACES_PER_FOLLOWER))
        return Drawn(face[some], self.networks.prior.picture(view[some], finest[some].detach()) * 2 - 1)


def face1024_adversary(drawing: DrawingSpec, stage: Stage, window: int | None = None) -> Adversary:
    """A fresh discriminator of whole pictures, or of windows with a side of `window` pixels."""
    if window is not None:
        return WindowAdversary(window, every=1)
    channels = {size: width for size, width in DISCRIMINATOR_CHANNELS.items() if size <= drawing.size}
    discriminator = StyleGAN2Discriminator(drawing.size, channels)
    return NonSaturatingAdversary(discriminator, stage.discriminator_every, STANDARD_DEVIATION_GROUP)


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
        if self.settings.loss.adversarial:
            window = self.settings.adv_window
            adversary = self.with_discriminator(face1024_adversary(self.drawing, self.stage, window))
        return Face1024Objective(networks, self.stage, self.loss, adversary)


def base_weights(spec: Face1024Spec, modules: ModuleFiles) -> Path:
    """The weights file with the rescaling module: the one that the user names, or the shipped one."""
    return modules.rescaling_checkpoint or find_model(spec.name)
