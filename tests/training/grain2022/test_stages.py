"""The four published stages on a small model: what each trains, what it leaves alone, and that it learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.training.grain2022.stages import Grain2022Objective, published_adversary
from grain_codec.training.losses.adversarial import NonSaturatingAdversary, RelativisticAdversary
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.settings import LossSettings, Recipe
from grain_codec.training.stages import STAGES
from grain_codec.training.trainer import Trainer

CPU = torch.device("cpu")
IDLE = {
    "finetune": (
        "networks.rescaling.dec.out.",
        "networks.prior.encoder.styles.4.convs1.",
        "networks.prior.encoder.styles.4.linear1.",
    )
}
"""What only draws the pictures that the last stage does not look at."""

TRAINED = {
    "rescaling": ("networks.rescaling.",),
    "prior": ("networks.prior.encoder.",),
    "fusion": ("networks.fusion.",),
    "finetune": ("networks.rescaling.", "networks.prior.encoder.", "networks.fusion."),
}


class Apart(nn.Module):
    """A distance that is easily computed: the mean absolute difference."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs().flatten(1).mean(1)


def objective_of(spec: Grain2022Spec, name: str, official_noise: bool = False) -> Grain2022Objective:
    """A stage with all its terms and fresh weights."""
    torch.manual_seed(0)
    stage = STAGES[name]
    networks = Grain2022(spec, {*stage.needs, *stage.trains})
    loss = FaceLoss(LossSettings(lr=stage.lr_weight), Apart(), Apart())
    return Grain2022Objective(networks, stage, loss, published_adversary(spec, stage), official_noise)


def endless(faces: Tensor) -> Iterator[tuple[Tensor]]:
    while True:
        yield (faces,)


class Silence:
    """Takes what a run tells, and does nothing with it."""

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None: ...

    def validate(self, step: int) -> None: ...

    def saved(self, step: int) -> None: ...


def train(objective: Grain2022Objective, faces: Tensor, path: Path, steps: int) -> None:
    recipe = Recipe(steps, learning_rate=5e-3, schedule="constant", warm_up=0, average=0.0, clip=float("inf"))
    Trainer(objective, recipe, CPU, path).run(endless(faces), Silence())


def reached(objective: Grain2022Objective, faces: Tensor) -> set[str]:
    """The parameters that a generator step has a gradient for."""
    objective.adversary.requires_grad_(False)
    objective(faces).loss.backward()
    return {name for name, parameter in objective.named_parameters() if parameter.grad is not None}


def trained(objective: Grain2022Objective, name: str) -> set[str]:
    """The parameters that a stage trains."""
    of_modules = {key for key, _ in objective.named_parameters() if key.startswith(TRAINED[name])}
    return {key for key in of_modules if not key.startswith(IDLE.get(name, ("none",)))}


@pytest.mark.parametrize("name", list(STAGES))
def test_gradients_reach_exactly_what_the_stage_trains(tiny_spec: Grain2022Spec, ovals: Tensor, name: str):
    objective = objective_of(tiny_spec, name)
    assert reached(objective, ovals) == trained(objective, name) == set(objective.generator_parameters())


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("rescaling", 16_793_350, 4_693_697),
        ("prior", 34_053_312, 29_012_513),
        ("fusion", 1_048_835, 29_012_513),
        ("finetune", 51_895_497, 29_012_513),
    ],
)
def test_at_full_size_each_side_has_as_many_parameters_as_published(name: str, generator: int, discriminator: int):
    """The last stage trains all three modules, but for what it cannot reach."""
    with torch.device("meta"):
        objective = objective_of(Grain2022Spec(), name)
    finest = "networks.prior.encoder.styles.8."
    idle = ("networks.rescaling.dec.out.", f"{finest}convs1.", f"{finest}linear1.")
    unreached = [value for key, value in objective.networks.named_parameters(prefix="networks") if key.startswith(idle)]
    left_out = sum(value.numel() for value in unreached) if name == "finetune" else 0
    assert sum(value.numel() for value in objective.generator_parameters().values()) == generator - left_out
    assert sum(value.numel() for value in objective.discriminator_parameters().values()) == discriminator


def test_what_the_last_stage_leaves_out_would_get_no_gradient(tiny_spec: Grain2022Spec, ovals: Tensor):
    objective = objective_of(tiny_spec, "finetune")
    objective.networks.requires_grad_(True)
    reached(objective, ovals)
    idle = [value for name, value in objective.named_parameters() if name.startswith(IDLE["finetune"])]
    assert idle and not any(value.grad is not None and bool(value.grad.any()) for value in idle)


@pytest.mark.parametrize("name", list(STAGES))
def test_a_stage_lowers_its_loss_and_moves_nothing_else(
    tiny_spec: Grain2022Spec, ovals: Tensor, name: str, tmp_path: Path
):
    objective = objective_of(tiny_spec, name)
    before = {key: value.clone() for key, value in objective.networks.state_dict().items()}
    with torch.no_grad():
        first = objective.loss(*_drawn(objective, ovals))[0]
    train(objective, ovals, tmp_path / "state.pt", 12)
    with torch.no_grad():
        last = objective.loss(*_drawn(objective, ovals))[0]
    assert last.item() < 0.97 * first.item()
    after = objective.networks.state_dict()
    moved = {f"networks.{key}" for key in before if not torch.equal(after[key], before[key])}
    assert moved and moved <= set(objective.generator_parameters())


def _drawn(objective: Grain2022Objective, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    drawn = objective.draw(faces)
    return drawn.picture, drawn.face, drawn.lr


@pytest.mark.parametrize("name", list(STAGES))
def test_the_loss_is_the_published_sum(tiny_spec: Grain2022Spec, ovals: Tensor, name: str):
    objective = objective_of(tiny_spec, name)
    with torch.no_grad():
        picture, face, lr = _drawn(objective, ovals)
        apart = (picture - face).abs().mean()
        expected = (picture - face).square().mean() + 0.1 * apart + 0.8 * apart
        expected += 0.01 * objective.adversary.generator_loss(face, picture)
        if name in ("rescaling", "finetune"):
            # Bilinear sampling without antialiasing sees the middle four of each cell's sixteen pixels.
            sampled = F.avg_pool2d(_middles(face), 2)
            expected += 0.1 * (lr - sampled).square().mean()
        assert objective(ovals).loss.item() == pytest.approx(expected.item(), rel=1e-5)


def _middles(face: Tensor) -> Tensor:
    """The two middle rows and columns of every 4x4 cell, `[B, 3, 64, 64]` -> `[B, 3, 32, 32]`."""
    middle = [4 * cell + offset for cell in range(16) for offset in (1, 2)]
    return face[..., middle, :][..., middle]


def test_the_first_stage_has_the_patch_discriminator_and_the_others_stylegans(tiny_spec: Grain2022Spec):
    found = {name: published_adversary(tiny_spec, stage) for name, stage in STAGES.items()}
    assert isinstance(found["rescaling"], RelativisticAdversary)
    assert all(isinstance(found[name], NonSaturatingAdversary) for name in ("prior", "fusion", "finetune"))
    assert [found[name].every for name in STAGES] == [6, 5, 3, 3]


def test_training_sees_what_a_file_holds_unless_asked_otherwise(tiny_spec: Grain2022Spec, ovals: Tensor):
    with torch.no_grad():
        whole = objective_of(tiny_spec, "prior").draw(ovals)
        again = objective_of(tiny_spec, "prior").draw(ovals)
        noisy = objective_of(tiny_spec, "prior", official_noise=True)
        first, second = noisy.draw(ovals), noisy.draw(ovals)
    levels = (whole.lr + 1) / 2 * 255
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert torch.equal(whole.picture, again.picture)
    assert not torch.allclose((first.lr + 1) / 2 * 255, ((first.lr + 1) / 2 * 255).round(), atol=1e-3)
    assert not torch.equal(first.picture, second.picture)


def test_checkpoints_hold_no_frozen_networks(tiny_spec: Grain2022Spec):
    state = objective_of(tiny_spec, "fusion").training_state()
    assert all(name.startswith(("networks.fusion.", "adversary.")) for name in state)
    state = objective_of(tiny_spec, "finetune").training_state()
    assert not any("prior.decoder" in name or "latent_avg" in name for name in state)
