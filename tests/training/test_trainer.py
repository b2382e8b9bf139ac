"""The training loop: learns, averages, and goes on from its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.training.data import augment, batches
from grain_codec.training.trainer import Recipe, Trainer, load_averaged


class Line(nn.Module):
    """Fits y = 3x, with a parameter of each learning-rate group."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(()))
        self.cell_basis = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = ((self.slope + self.cell_basis - 3) * x).square().mean()
        return loss, {"slope": self.slope.detach()}


def endless() -> Iterator[tuple[Tensor]]:
    while True:
        yield (torch.ones(4),)


def train(path: Path, steps: int) -> tuple[Trainer, list[str]]:
    recipe = Recipe(steps=steps, learning_rate=0.1, warm_up=1, average=0.9, report_every=10, checkpoint_every=50)
    trainer = Trainer(Line(), recipe, torch.device("cpu"), path)
    lines: list[str] = []
    trainer.run(endless(), lines.append, lambda: "measured")
    return trainer, lines


def test_it_learns_and_reports(tmp_path: Path):
    trainer, lines = train(tmp_path / "line.pt", 200)
    assert float((trainer.objective.slope + trainer.objective.cell_basis).detach()) == pytest.approx(3, abs=0.05)
    assert any("loss" in line and "slope" in line for line in lines)
    assert lines[-1] == "step 200  validation  measured"


def test_it_goes_on_from_its_checkpoint(tmp_path: Path):
    train(tmp_path / "line.pt", 50)
    trainer, _ = train(tmp_path / "line.pt", 200)
    assert trainer.step == 200
    resumed = Trainer(Line(), Recipe(steps=200), torch.device("cpu"), tmp_path / "line.pt")
    assert resumed.step == 200
    assert torch.equal(resumed.objective.slope, trainer.objective.slope)
    assert [path.name for path in tmp_path.iterdir()] == ["line.pt"]


def test_the_average_lags_behind_and_is_what_export_reads(tmp_path: Path):
    trainer, _ = train(tmp_path / "line.pt", 20)
    read = Line()
    load_averaged(read, tmp_path / "line.pt")
    assert 0 < float(read.slope) < float(trainer.objective.slope)


def test_averaged_weights_are_put_back(tmp_path: Path):
    trainer, _ = train(tmp_path / "line.pt", 20)
    own = float(trainer.objective.slope)
    with trainer.averaged_weights():
        assert float(trainer.objective.slope) != own
    assert float(trainer.objective.slope) == own


def test_a_foreign_checkpoint_is_refused(tmp_path: Path):
    torch.save({"objective": {"other": torch.zeros(1)}}, tmp_path / "line.pt")
    with pytest.raises(WrongModel, match="line.pt"):
        Trainer(Line(), Recipe(steps=1), torch.device("cpu"), tmp_path / "line.pt")


def test_batches_show_every_face_before_any_again():
    faces = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 2, 2) * 20
    generator = torch.Generator().manual_seed(0)
    stream = batches(faces, 5, generator)
    brightness = [round(float(image.mean()), 3) for _ in range(2) for image in next(stream)]
    assert len(set(brightness)) == 10


def test_augmentation_keeps_the_range_and_mirrors_some():
    images = torch.rand(64, 3, 8, 8)
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    ramp = torch.linspace(0.2, 0.8, 8).expand(64, 3, 8, 8)
    mirrored = augment(ramp, torch.Generator().manual_seed(0))[:, 0, 0, 0] > 0.5
    assert 16 < int(mirrored.sum()) < 48
