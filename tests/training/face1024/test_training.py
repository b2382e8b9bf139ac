"""The weights file with a prior and a fusion: an earlier file, and what the stages have left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from grain_codec.cli.train import main
from grain_codec.models.face1024.drawing.fusion import Fusion
from grain_codec.models.face1024.drawing.prior import Prior
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.training.state_files import write_module
from grain_codec.weights import find_model, read_model


def test_trained_modules_are_added_to_the_shipped_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec, modules = Face1024Spec(drawing=DrawingSpec()), {}
    for name, kind in (("prior", Prior), ("fusion", Fusion)):
        modules[name] = kind(spec.drawing, spec.view_size)
        (tmp_path / "run" / name).mkdir(parents=True)
        write_module(tmp_path / "run" / name / f"{name}.pt", modules[name], spec.to_json())
    arguments = ["export", "--exp-dir", str(tmp_path / "run"), "-o", str(tmp_path)]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, ended.output
    (path,) = tmp_path.glob("face-1024-*.safetensors")
    added, shipped = read_model(path), read_model(find_model("face-1024"))
    assert added.spec == spec
    for name, tensor in shipped.tensors.items():
        if not name.startswith(("networks.prior.", "networks.fusion.")):
            assert np.array_equal(added.tensors[name], tensor), name
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            expected = value.numpy()
            assert added.tensors[f"networks.{name}.{key}"] == pytest.approx(expected, rel=2e-3, abs=1e-4), key
