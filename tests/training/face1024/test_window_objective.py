"""The stages on windows: what each trains, what it leaves alone, and that it learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.training.face1024.window_objective import FACE_EVERY, WindowObjective, decoded_views
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.losses.windows import CONDITION_CHANNELS, WindowAdversary
from grain_codec.training.settings import LossSettings, Recipe
from grain_codec.training.stages import STAGES
from grain_codec.training.trainer import Trainer

TRAINED = {"fusion": {"fusion"}, "finetune": {"prior", "fusion"}}


class Apart(nn.Module):
    """A distance that is easily computed: the mean absolute difference."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs().flatten(1).mean(1)


def objective_of(networks: Face1024, name: str, adversarial: float = 0.01) -> WindowObjective:
    loss = FaceLoss(LossSettings(adversarial=adversarial), Apart(), Apart())
    return WindowObjective(networks, STAGES[name], loss, WindowAdversary() if adversarial else None)


@pytest.mark.parametrize("name", list(TRAINED))
def test_gradients_reach_exactly_what_the_stage_trains(networks: Face1024, pictures: Tensor, name: str):
    objective = objective_of(networks, name)
    for module in networks.values():
        for parameter in module.parameters():
            if parameter.requires_grad and parameter.eq(0).all():
                nn.init.normal_(parameter, std=0.1)
    objective(pictures).loss.backward()
    reached = {key for key, value in networks.named_parameters() if value.grad is not None and value.grad.any()}
    expected = set(objective.generator_parameters())
    assert {f"networks.{key}" for key in reached} == expected
    assert {key.split(".")[0] for key in reached} == TRAINED[name]


def test_the_discriminator_is_given_windows_beside_what_was_known_of_them(networks: Face1024, pictures: Tensor):
    outcome = objective_of(networks, "finetune")(pictures)
    assert outcome.real is not None and outcome.drawn is not None
    assert outcome.real.shape == (8, 3 + CONDITION_CHANNELS, 64, 64)
    assert torch.equal(outcome.real[:, 3:], outcome.drawn[:, 3:])
    assert not torch.allclose(outcome.real[:, :3], outcome.drawn[:, :3], atol=0.05)
    places = outcome.real[:, -2:]
    assert places.min() >= -1 and places.max() <= 1 and places.flatten(2).std(2).min() > 0.05


def test_identity_is_judged_on_a_face_every_few_steps(networks: Face1024, pictures: Tensor):
    objective = objective_of(networks, "finetune", adversarial=0.0)
    seen = ["identity" in objective(pictures).figures for _ in range(2 * FACE_EVERY)]
    assert seen == [step % FACE_EVERY == 0 for step in range(2 * FACE_EVERY)]


def test_a_stage_lowers_its_loss_and_leaves_the_rescaling_module_alone(
    networks: Face1024, pictures: Tensor, tmp_path: Path
):
    before = {key: value.clone() for key, value in networks.rescaling.state_dict().items()}
    objective = objective_of(networks, "finetune", adversarial=0.0)
    first = measured(objective, pictures)
    recipe = Recipe(24, learning_rate=3e-3, schedule="constant", warm_up=0, average=0.0)
    Trainer(objective, recipe, torch.device("cpu"), tmp_path / "state.pt").run(endless(pictures), None)
    assert measured(objective, pictures) < 0.9 * first
    for key, value in networks.rescaling.state_dict().items():
        assert torch.equal(value, before[key])


def test_what_is_drawn_went_through_whole_levels(networks: Face1024, pictures: Tensor):
    """The same view as a file gives: analysed, quantised and synthesised again."""
    view, step = decoded_views(networks, pictures, torch.full((4,), 12))
    source = antialiased_resize((pictures + 1) / 2, 64).clamp(0, 1)
    found = networks.rescaling.analyse(antialiased_resize(source, 16).clamp(0, 1), source, step)
    again = networks.rescaling.synthesise(found.thumbnail_levels.round(), found.detail_levels.round(), step)
    torch.testing.assert_close(view, again.clamp(0, 1), atol=1e-4, rtol=0)


def measured(objective: WindowObjective, pictures: Tensor) -> float:
    """The loss of the pictures at a quarter of their size, as the validation measures it."""
    with torch.no_grad():
        drawn = objective.draw(pictures)
        return float(objective.loss(drawn.picture, drawn.face)[0])


def endless(pictures: Tensor) -> Iterator[tuple[Tensor]]:
    while True:
        yield (pictures[:2],)
