"""What the stages need to know of face-1024: recipe, objective, and the files they start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from grain_codec.cli.training_options import StartOptions
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.face1024.stages import Face1024Objective, face1024_adversary
from grain_codec.training.runs.grain2022 import earlier_file
from grain_codec.training.stage_files import load_module
from grain_codec.training.stages import FaceLoss, Stage
from grain_codec.training.trainer import Recipe
from grain_codec.weights import find_model, load_networks, network_tensors, read_model, write_model

FILE_NAMES = {"prior": "prior.pt", "fusion": "fusion.pt"}


class StagedFace1024:
    """face-1024 in training, beyond its first stage; see `StagedModel` in `training_stages`."""

    file_names = FILE_NAMES
    batch_size = 16

    def __init__(self, spec: Face1024Spec):
        self.spec = replace(spec, drawing=spec.drawing or DrawingSpec())
        self.face_size = self.spec.drawing.size

    def recipe(self, stage: Stage) -> Recipe:
        """Adam at a falling rate; the averaged weights are kept."""
        rate = 4e-4 if stage.name == "finetune" else 1e-3
        return Recipe(steps=0, learning_rate=rate, warm_up=50, average=0.99, checkpoint_every=250)

    def objective(self, stage: Stage, loss: FaceLoss, exp_dir: Path | None, starts: StartOptions) -> Face1024Objective:
        """The stage with everything that it starts from in place."""
        networks = Face1024(self.spec)
        base = load_networks(read_model(_base(self.spec, starts)))
        networks.rescaling.load_state_dict(base.rescaling.state_dict())
        for name, path in ((name, getattr(starts, f"{name}_checkpoint")) for name in FILE_NAMES):
            if path is None and name in stage.needs:
                path = earlier_file(name, exp_dir, FILE_NAMES)
            if path is not None:
                load_module(networks[name], path)
        adversary = None
        if loss.weights.adversarial:
            adversary = face1024_adversary(self.spec.drawing, stage, starts.adv_window)
        if adversary is not None and starts.discriminator_weights is not None:
            load_module(adversary.discriminator, starts.discriminator_weights)
        return Face1024Objective(networks, stage, loss, adversary)


def add_drawing(
    spec: Face1024Spec, exp_dir: Path | None, starts: StartOptions, output_dir: Path, strength: float, origin: str
) -> Path:
    """Writes a weights file of face-1024: an earlier one, and the prior and fusion that the stages have left.

    A module that no option names is that of the last stage under --exp-dir that has trained it. What the fusion
    adds to the faithful picture is scaled by `strength`: less of it is nearer, and what it gets wrong is fainter.

    Raises:
        click.UsageError: a module is nowhere.
        WrongModel: a file is not usable.
    """
    base = read_model(_base(spec, starts))
    drawn = replace(base.spec, drawing=spec.drawing or DrawingSpec())
    networks = Face1024(drawn)
    for name in FILE_NAMES:
        finetuned = None if exp_dir is None else exp_dir / "finetune" / FILE_NAMES[name]
        path = getattr(starts, f"{name}_checkpoint")
        if path is None and finetuned is not None and finetuned.exists():
            path = finetuned
        load_module(networks[name], path or earlier_file(name, exp_dir, FILE_NAMES))
    with torch.no_grad():
        for parameter in networks.fusion.leave.parameters():
            parameter.mul_(strength)
    added = {f"networks.{name}." for name in FILE_NAMES}
    tensors = {name: tensor for name, tensor in base.tensors.items() if not name.startswith(tuple(added))}
    of_networks = network_tensors(networks)
    tensors.update({name: tensor for name, tensor in of_networks.items() if name.startswith(tuple(added))})
    return write_model(output_dir, drawn, tensors, origin)


def _base(spec: Face1024Spec, starts: StartOptions) -> Path:
    """The weights file with the rescaling module: --rescaling-checkpoint, or the shipped one."""
    return starts.rescaling_checkpoint or find_model(spec.name)
