"""The training loop: learns, averages, alternates between both sides, and goes on from its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.training.losses.adversarial import NonSaturatingAdversary
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.settings import Recipe
from grain_codec.training.state_files import load_averaged
from grain_codec.training.trainer import Trainer

CPU = torch.device("cpu")


class Line(Objective):
    """Fits y = 3x with two parameters, the second of which learns more slowly."""

    def __init__(self, adversary: NonSaturatingAdversary | None = None) -> None:
        super().__init__(adversary)
        self.slope = nn.Parameter(torch.zeros(()))
        self.slow = nn.Parameter(torch.zeros(()))

    def relative_rate(self, name: str) -> float:
        return 0.05 if name == "slow" else 1.0

    def forward(self, x: Tensor) -> Outcome:
        drawn = (self.slope + self.slow) * x
        loss = (drawn - 3 * x).square().mean()
        if self.adversary is not None:
            loss = loss + 0.01 * self.adversary.generator_loss(3 * x, drawn)
        return Outcome(loss, {"slope": self.slope.detach()}, 3 * x, drawn.detach())


def with_adversary(every: int) -> Line:
    """A line, and a linear discriminator that always starts the same."""
    discriminator = nn.Linear(4, 1)
    nn.init.constant_(discriminator.weight, 0.1)
    nn.init.zeros_(discriminator.bias)
    return Line(NonSaturatingAdversary(discriminator, every))


class Notes:
    """Everything that a run told."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.validated: list[int] = []
        self.saves: list[int] = []

    def progress(self, step: int, minutes: float, figures: dict[str, float]) -> None:
        self.rows.append((step, figures))

    def validate(self, step: int) -> None:
        self.validated.append(step)

    def saved(self, step: int) -> None:
        self.saves.append(step)


def endless() -> Iterator[tuple[Tensor]]:
    while True:
        yield (torch.ones(2, 4),)


def train(path: Path, steps: int, objective: Objective | None = None, **changes: object) -> tuple[Trainer, Notes]:
    settings = {"learning_rate": 0.1, "warm_up": 1, "average": 0.9, "report_every": 10, "checkpoint_every": 50}
    recipe = Recipe(steps=steps, **{**settings, **changes})
    trainer, notes = Trainer(objective or Line(), recipe, CPU, path), Notes()
    trainer.run(endless(), notes)
    return trainer, notes


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.1), ("ranger", 1.0), ("muon", 0.1)])
def test_it_learns_and_reports(tmp_path: Path, optimizer: str, rate: float):
    trainer, notes = train(tmp_path / "line.pt", 200, optimizer=optimizer, learning_rate=rate)
    slope, slow = trainer.objective.slope.item(), trainer.objective.slow.item()
    assert slope + slow == pytest.approx(3, abs=0.05)
    assert abs(slow) < abs(slope) / 5
    assert [step for step, _ in notes.rows] == list(range(10, 201, 10))
    assert notes.rows[0][1]["loss"] > notes.rows[-1][1]["loss"]
    assert notes.validated == notes.saves == [50, 100, 150, 200]


def test_it_validates_and_saves_at_their_own_intervals(tmp_path: Path):
    _, notes = train(tmp_path / "line.pt", 70, checkpoint_every=20, validate_every=30)
    assert notes.saves == [20, 40, 60, 70]
    assert notes.validated == [30, 60, 70]


def test_it_goes_on_from_its_checkpoint(tmp_path: Path):
    train(tmp_path / "line.pt", 50)
    trainer, _ = train(tmp_path / "line.pt", 200)
    assert trainer.step == 200
    resumed = Trainer(Line(), Recipe(steps=200), CPU, tmp_path / "line.pt")
    assert resumed.step == 200
    assert torch.equal(resumed.objective.slope, trainer.objective.slope)
    assert [path.name for path in tmp_path.iterdir()] == ["line.pt"]


@pytest.mark.parametrize("optimizer", ["adam", "ranger", "muon"])
def test_going_on_gives_what_an_unbroken_run_gives(tmp_path: Path, optimizer: str):
    """Both sides' weights, their optimisers and the average come back: the second half is the same to the bit."""
    changes = {"schedule": "constant", "checkpoint_every": 10, "optimizer": optimizer}
    whole, _ = train(tmp_path / "whole.pt", 20, with_adversary(2), **changes)
    train(tmp_path / "broken.pt", 10, with_adversary(2), **changes)
    halves, _ = train(tmp_path / "broken.pt", 20, with_adversary(2), **changes)
    for name, value in whole.objective.state_dict().items():
        assert torch.equal(halves.objective.state_dict()[name], value), name
    for name, value in whole.averaged.values.items():
        assert torch.equal(halves.averaged.values[name], value), name


def test_the_learning_rate_is_the_one_asked_for_and_not_the_checkpoints(tmp_path: Path):
    train(tmp_path / "line.pt", 10)
    before = Trainer(Line(), Recipe(steps=20), CPU, tmp_path / "line.pt").objective.slope.item()
    trainer, _ = train(tmp_path / "line.pt", 20, learning_rate=0.0)
    assert trainer.objective.slope.item() == before


def test_the_discriminator_moves_at_its_interval_only(tmp_path: Path):
    moved = []
    objective = with_adversary(every=3)
    before = objective.adversary.discriminator.weight.detach().clone()
    for step in range(1, 8):
        trainer, _ = train(tmp_path / "line.pt", step, objective, schedule="constant", checkpoint_every=1)
        now = trainer.objective.adversary.discriminator.weight.detach().clone()
        if not torch.equal(now, before):
            moved.append(step)
        before = now
    assert moved == [3, 6]


def test_the_penalty_is_taken_when_both_intervals_meet(tmp_path: Path):
    _, notes = train(tmp_path / "line.pt", 50, with_adversary(every=3), report_every=1)
    assert [step for step, figures in notes.rows if "r1" in figures] == [48]
    assert [step for step, figures in notes.rows if "discriminator" in figures] == list(range(3, 51, 3))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_it_learns_in_mixed_precision(tmp_path: Path, precision: str):
    trainer, _ = train(tmp_path / "line.pt", 200, with_adversary(2), precision=precision)
    assert trainer.objective.slope.dtype == torch.float32
    assert float((trainer.objective.slope + trainer.objective.slow).detach()) == pytest.approx(3, abs=0.1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_it_learns_on_a_gpu(tmp_path: Path, precision: str):
    recipe = Recipe(200, learning_rate=0.1, warm_up=1, precision=precision)
    trainer = Trainer(with_adversary(2), recipe, torch.device("cuda"), tmp_path / "line.pt")
    trainer.run(endless(), Notes())
    assert (trainer.objective.slope + trainer.objective.slow).item() == pytest.approx(3, abs=0.1)


def test_the_average_lags_behind_and_is_what_export_reads(tmp_path: Path):
    trainer, _ = train(tmp_path / "line.pt", 20)
    read = Line()
    load_averaged(read, tmp_path / "line.pt")
    assert 0 < read.slope.item() < trainer.objective.slope.item()


def test_without_averaging_export_reads_the_weights(tmp_path: Path):
    trainer, _ = train(tmp_path / "line.pt", 20, average=0.0)
    read = Line()
    load_averaged(read, tmp_path / "line.pt")
    assert torch.equal(read.slope, trainer.objective.slope)


def test_averaged_weights_are_put_back(tmp_path: Path):
    trainer, _ = train(tmp_path / "line.pt", 20)
    own = trainer.objective.slope.item()
    with trainer.averaged.in_place():
        assert trainer.objective.slope.item() != own
    assert trainer.objective.slope.item() == own


def test_what_a_kill_kept_from_being_made_of_a_checkpoint_is_made_on_return(tmp_path: Path):
    train(tmp_path / "line.pt", 50)
    _, notes = train(tmp_path / "line.pt", 50)
    assert notes.saves == [50] and not notes.rows


@pytest.mark.parametrize("state", [{"objective": {"other": torch.zeros(1)}}, {"step": 1}, {"objective": {}}])
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, state: dict):
    torch.save(state, tmp_path / "line.pt")
    with pytest.raises(WrongModel, match="line.pt"):
        Trainer(Line(), Recipe(steps=1), CPU, tmp_path / "line.pt")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path):
    train(tmp_path / "line.pt", 5)
    content = (tmp_path / "line.pt").read_bytes()
    (tmp_path / "line.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(WrongModel, match="line.pt"):
        Trainer(Line(), Recipe(steps=1), CPU, tmp_path / "line.pt")
