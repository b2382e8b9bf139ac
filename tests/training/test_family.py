"""A family of models that this package does not know trains through the command line like the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from grain_codec.cli.train import main
from grain_codec.models.family import Coder, Encoder, ModelFamily
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.registry import FAMILIES
from grain_codec.models.spec import Spec
from grain_codec.training.family import TrainingFamily, read_sizes, training_of
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.run_log import read_log
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.settings import ExportSettings, ModuleFiles, Recipe, RunSettings, UnusableSettings
from grain_codec.training.state_files import write_module
from grain_codec.training.trainer import Trainer


@dataclass(frozen=True)
class ToySpec(Spec):
    family: ClassVar[str] = "toy"
    fine_qualities: ClassVar[int] = 1
    name: str = "toy"
    image_size: int = 64


class ToyFamily(ModelFamily[ToySpec, Any]):
    """It has no codec; training asks for none."""

    spec_type = ToySpec
    training_module = __name__

    def coder(self, spec: ToySpec, tensors: Mapping[str, Any]) -> Coder[Any]:
        raise AssertionError("training asks for no codec")

    def build_networks(self, spec: ToySpec, modules: Collection[str]) -> ReciprocalNetworks:
        raise AssertionError("training asks for no codec")

    def encoder(self, networks: ReciprocalNetworks, coder: Coder[Any]) -> Encoder[Any]:
        raise AssertionError("training asks for no codec")

    def usual_batch(self, device: torch.device) -> int:
        return 1


class Mean(Objective):
    """Learns the mean of all numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)

    def forward(self, numbers: Tensor) -> Outcome:
        return Outcome((self.layer.weight - numbers).square().mean(), {})


class ToyStage(StageRun[Mean, list[float]]):
    """Its faces are numbers: how long the names of the sources are."""

    def read_faces(self) -> tuple[list[float], list[float]]:
        settings = self.settings
        return [float(len(path.name)) for path in settings.data], [
            float(len(path.name)) for path in settings.validation
        ]

    def build_objective(self, faces: list[float], resumes: bool, tell: Tell) -> Mean:
        tell("resuming" if resumes else "starting")
        return Mean()

    def batches(self, faces: list[float], trainer: Trainer[Mean]) -> Iterator[tuple[Tensor, ...]]:
        while True:
            yield (torch.tensor(faces),)

    @torch.no_grad()
    def measure(self, objective: Mean, faces: list[float], device: torch.device) -> dict[str, float]:
        return {"loss": float(objective(torch.tensor(faces)).loss)}

    def pictures(self, objective: Mean, faces: list[float], device: torch.device) -> Mapping[str, Tensor]:
        return {"face": torch.zeros(len(faces), 3, 16, 16)}

    def write_modules(self, objective: Mean, folder: Path, prefix: str) -> None:
        write_module(folder / f"{prefix}toy.pt", objective.layer, "{}")


class ToyTraining(TrainingFamily[ToySpec]):
    def refused_options(self, stage: str) -> Mapping[str, str]:
        return {"start": "is not for toys"}

    def stage_run(self, stage: str, spec: ToySpec, settings: RunSettings) -> ToyStage:
        return ToyStage(stage, settings, Recipe(learning_rate=1.0, schedule="constant", warm_up=0, average=0.0))

    def export(self, spec: ToySpec, settings: ExportSettings, tell: Tell) -> Path:
        tell(f"exporting {spec.name}")
        return settings.output_dir / settings.origin


TRAINING = ToyTraining()


@pytest.fixture(autouse=True)
def toy_family(monkeypatch: pytest.MonkeyPatch) -> ToyFamily:
    family = ToyFamily()
    monkeypatch.setitem(FAMILIES, "toy", family)
    return family


def train(folder: Path, steps: int, *options: str) -> Result:
    faces = ["--data", str(folder), "--validation", str(folder), "--exp-dir", str(folder / "run"), "--device", "cpu"]
    return CliRunner().invoke(main, ["rescaling", "-m", "toy", *faces, "--steps", str(steps), *options])


def test_training_is_found_by_family_and_by_spec(toy_family: ToyFamily):
    assert training_of(toy_family) is training_of(ToySpec()) is TRAINING
    assert read_sizes("toy") == ToySpec()
    assert training_of(read_sizes("face-1024")) is not training_of(read_sizes("grain-2022"))


def test_a_stage_trains_goes_on_and_leaves_its_files(tmp_path: Path):
    left_by_a_killed_run = tmp_path / "run" / "rescaling" / ".grain-codec-abc.part"
    left_by_a_killed_run.parent.mkdir(parents=True)
    left_by_a_killed_run.touch()
    ended = train(tmp_path, 100)
    assert ended.exit_code == 0, ended.output
    assert ended.output.startswith("1 training faces, 1 validation faces, on cpu\nstarting\nstep 50")
    files = {path.name for path in (tmp_path / "run" / "rescaling").iterdir()} - {"log-events"}
    assert files == {"state.pt", "toy.pt", "best_toy.pt", "log.csv", "sheets"}
    weight = torch.load(tmp_path / "run" / "rescaling" / "toy.pt", weights_only=True)["state_dict"]["weight"]
    assert weight.item() == pytest.approx(len(tmp_path.name), abs=2)
    ended = train(tmp_path, 110, "--report-every", "5")
    assert ended.exit_code == 0 and "resuming" in ended.output
    steps = [row.step for row in read_log(tmp_path / "run" / "rescaling" / "log.csv") if row.split == "train"]
    assert steps == [50, 100, 105, 110]


def test_the_family_says_which_options_it_does_not_understand(tmp_path: Path):
    ended = train(tmp_path, 1, "--start", "face-1024")
    assert ended.exit_code == 2 and "--start is not for toys." in ended.output


def test_the_family_exports(tmp_path: Path):
    ended = CliRunner().invoke(main, ["export", "-m", "toy", "-o", str(tmp_path), "--origin", "made.safetensors"])
    assert ended.exit_code == 0 and ended.output == f"exporting toy\nwritten {tmp_path / 'made.safetensors'}\n"


def test_networks_of_a_family_need_not_be_testable_before_an_export():
    with pytest.raises(UnusableSettings, match="toy is tested as a weights file"):
        TRAINING.trained_networks(ToySpec(), ModuleFiles())
