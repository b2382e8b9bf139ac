"""Several processes, as torchrun starts them, train one model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROGRAM = """
import sys
from pathlib import Path
import torch
import torch.distributed as distributed
from torch import nn
from grain_codec.training.losses.adversarial import NonSaturatingAdversary
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.settings import Recipe
from grain_codec.training.trainer import Trainer

class Line(Objective):
    def __init__(self):
        super().__init__(NonSaturatingAdversary(nn.Linear(4, 1), every=1))
        self.layer = nn.Linear(4, 4)
        self.register_buffer("whole", torch.full((2,), distributed.get_rank(), dtype=torch.int16))

    def forward(self, x):
        drawn = self.layer(x)
        loss = (drawn - 3 * x).square().mean() + self.adversary.generator_loss(3 * x, drawn)
        return Outcome(loss, {}, 3 * x, drawn.detach())

class Silence:
    def progress(self, *figures): ...
    def validate(self, step): ...
    def saved(self, step): ...

def data():
    generator = torch.Generator().manual_seed(distributed.get_rank())
    while True:
        yield (torch.randn(2, 4, generator=generator),)

distributed.init_process_group("gloo")
torch.manual_seed(distributed.get_rank())
folder = Path(sys.argv[1])
trainer = Trainer(Line(), Recipe(steps=2, warm_up=1, schedule="constant"), torch.device("cpu"), folder / "state.pt")
trainer.run(data(), Silence())
torch.save(trainer.objective.state_dict(), folder / f"rank{distributed.get_rank()}.pt")
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_with_other_starts_and_other_data_end_with_the_same_weights_on_both_sides(tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(tmp_path / "program.py"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert saved["step"] == 2 and torch.equal(saved["objective"]["layer.weight"], first["layer.weight"])
