"""The stages of face-1024 beyond the first: what each trains, what it leaves alone, and that it learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.face1024.closed_form import fit_closed_form
from grain_codec.training.face1024.drawing_stage import Face1024Objective, face1024_adversary
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.settings import LossSettings, Recipe
from grain_codec.training.stages import STAGES
from grain_codec.training.trainer import Trainer

DRAWING = DrawingSpec(
    size=128, code_width=8, position_channels=2, prior_widths=(16, 16, 8), prior_blocks=1, fusion_widths=(16, 8),
    fusion_blocks=(1, 1), repetition_window=0,
)  # fmt: skip
"""The pictures' stripes repeat from cell to cell, and the fusion is to learn them."""

SPEC = Face1024Spec(
    image_size=128, view_size=64, thumbnail_components=16, detail_components=8, neighbour_components=4,
    predictor_width=8, predictor_blocks=1, enhancement_width=8, enhancement_blocks=1, drawing=DRAWING,
)  # fmt: skip
TRAINED = {"prior": {"prior"}, "fusion": {"fusion"}, "finetune": {"prior", "fusion"}}


class Apart(nn.Module):
    """A distance that is easily computed: the mean absolute difference."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs().flatten(1).mean(1)


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Finely striped discs, `[4, 3, 128, 128]` in [-1, 1]: a 64 px view shows the discs, not their stripes."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.linspace(-1, 1, 128)
    distance = (rows[:, None] ** 2 + rows[None] ** 2).sqrt()
    radii = torch.rand(4, 1, 1, 1, generator=generator) * 0.4 + 0.4
    stripes = (torch.arange(128) % 2 * 2.0 - 1).expand(128, 128)
    return (distance < radii) * (0.5 * stripes + 0.3) + torch.zeros(4, 3, 128, 128)


@pytest.fixture
def networks(pictures: Tensor) -> Face1024:
    torch.manual_seed(0)
    networks = Face1024(SPEC)
    views = antialiased_resize((pictures + 1) / 2, 64).clamp(0, 1)
    fit_closed_form(networks.rescaling, (views * 255).byte())
    return networks


def objective_of(networks: Face1024, name: str, adversarial: float = 0.01) -> Face1024Objective:
    stage = STAGES[name]
    loss = FaceLoss(LossSettings(adversarial=adversarial), Apart(), Apart())
    return Face1024Objective(networks, stage, loss, face1024_adversary(DRAWING, stage))


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


def test_in_the_last_stage_the_priors_own_picture_follows_and_has_no_say(networks: Face1024, pictures: Tensor):
    """Its last layer learns its own picture; the gradients of all others are those of `fused` alone."""
    following, deaf = objective_of(networks, "finetune", 0.0), objective_of(networks, "finetune", 0.0)
    deaf.prior_follows = False
    nn.init.normal_(networks.fusion.leave.weight, std=0.1)
    nn.init.normal_(networks.prior.leave.weight, std=0.1)
    gradients = []
    for objective in (following, deaf):
        networks.zero_grad(set_to_none=True)
        torch.manual_seed(5)
        objective(pictures).loss.backward()
        gradients.append({key: value.grad for key, value in networks.named_parameters() if value.grad is not None})
    own = {"prior.leave.weight", "prior.leave.bias"}
    assert gradients[0].keys() - gradients[1].keys() == own
    for key, of_fused_alone in gradients[1].items():
        torch.testing.assert_close(gradients[0][key], of_fused_alone)


@pytest.mark.parametrize("name", list(TRAINED))
def test_a_stage_lowers_its_loss_and_leaves_the_rescaling_module_alone(
    networks: Face1024, pictures: Tensor, name: str, tmp_path: Path
):
    before = {key: value.clone() for key, value in networks.rescaling.state_dict().items()}
    objective = objective_of(networks, name, adversarial=0.0)
    first = measured(objective, pictures)
    recipe = Recipe(16, learning_rate=3e-3, schedule="constant", warm_up=0, average=0.0)
    Trainer(objective, recipe, torch.device("cpu"), tmp_path / "state.pt").run(endless(pictures), Silence())
    assert measured(objective, pictures) < 0.9 * first
    for key, value in networks.rescaling.state_dict().items():
        assert torch.equal(value, before[key])


def test_what_is_drawn_went_through_whole_levels(networks: Face1024, pictures: Tensor):
    """The same view as a file gives: analysed, quantised and synthesised again."""
    objective = objective_of(networks, "fusion", adversarial=0.0)
    view, step = objective.decoded_views(pictures, torch.full((4,), 12))
    source = antialiased_resize((pictures + 1) / 2, 64).clamp(0, 1)
    found = networks.rescaling.analyse(antialiased_resize(source, 16).clamp(0, 1), source, step)
    again = networks.rescaling.synthesise(found.thumbnail_levels.round(), found.detail_levels.round(), step)
    torch.testing.assert_close(view, again.clamp(0, 1), atol=1e-4, rtol=0)


def measured(objective: Face1024Objective, pictures: Tensor) -> float:
    torch.manual_seed(5)
    with torch.no_grad():
        return sum(float(objective(pictures).loss) for _ in range(4))


def endless(pictures: Tensor) -> Iterator[tuple[Tensor]]:
    while True:
        yield (pictures,)


class Silence:
    """Takes what a run tells, and does nothing with it."""

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None: ...

    def validate(self, step: int) -> None: ...

    def saved(self, step: int) -> None: ...
