"""grain-train from faces to a weights file that encodes, and through torchrun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from grain_codec.cli.train import main
from grain_codec.codec import load_model
from grain_codec.settings import EncodeSettings
from grain_codec.weights import find_model, read_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, faces: dict[str, np.ndarray]) -> Path:
    """The example faces at 128 px."""
    folder = tmp_path_factory.mktemp("faces")
    for name, face in faces.items():
        Image.fromarray(face).resize((128, 128)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    """Four steps of training."""
    arguments = ["rescaling", "--data", str(folder), "--validation", str(folder), "--steps", "4", "--batch-size", "2"]
    ended = CliRunner().invoke(main, [*arguments, "--checkpoint", str(folder / "run.pt"), "--device", "cpu"])
    assert ended.exit_code == 0, ended.output
    assert "6 training faces" in ended.output and "validation" in ended.output
    assert "4,validation,quality 24 psnr," in (folder / "run.csv").read_text()
    return folder / "run.pt"


@pytest.mark.slow
def test_trained_weights_encode_a_face(checkpoint: Path, folder: Path, face: np.ndarray):
    exported = ["export", "--data", str(folder), "--checkpoint", str(checkpoint), "-o", str(folder), "--device", "cpu"]
    ended = CliRunner().invoke(main, exported)
    assert ended.exit_code == 0, ended.output
    (weights,) = folder.glob("face-1024-*.safetensors")
    codec = load_model(str(weights), "cpu")
    decoded = codec.decode(codec.encode(face, EncodeSettings(quality=24)))
    assert np.abs(decoded.astype(int) - face).mean() < 20


def test_an_export_can_take_prior_and_fusion_along(checkpoint: Path, folder: Path, tmp_path: Path):
    exported = [
        "export",
        "--data",
        str(folder),
        "--checkpoint",
        str(checkpoint),
        "-o",
        str(tmp_path),
        "--device",
        "cpu",
    ]
    ended = CliRunner().invoke(main, [*exported, "--drawing-from", "face-1024"])
    assert ended.exit_code == 0, ended.output
    (weights,) = tmp_path.glob("face-1024-*.safetensors")
    taken, former = (read_model(path) for path in (weights, find_model("face-1024")))
    assert load_model(str(weights), "cpu").outputs == ("fused", "rescaled", "prior")
    assert all(
        np.array_equal(taken.tensors[name], former.tensors[name]) for name in former.tensors if ".prior." in name
    )


def test_training_goes_on_from_shipped_weights(folder: Path, tmp_path: Path):
    """At its first step the shipped model is where it was: far nearer than a closed form of six faces."""
    arguments = ["rescaling", "--data", str(folder), "--validation", str(folder), "--steps", "1", "--batch-size", "2"]
    options = ["--checkpoint", str(tmp_path / "run.pt"), "--start", "face-1024", "--device", "cpu"]
    ended = CliRunner().invoke(main, [*arguments, *options])
    assert ended.exit_code == 0, ended.output
    assert "closed-form" not in ended.output
    assert float(ended.output.split("quality 24 psnr ")[1].split()[0]) > 25


@pytest.mark.slow
def test_several_processes_share_the_work(checkpoint: Path, folder: Path):
    """Two processes go on from the checkpoint and stop at the same step."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "grain_codec.cli.train", "rescaling", "--data", str(folder), "--validation", str(folder)]
    options = ["--steps", "6", "--batch-size", "2", "--checkpoint", str(checkpoint), "--device", "cpu"]
    ended = subprocess.run([*torchrun, *command, *options], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "step 6  validation" in ended.stdout
    assert torch.load(checkpoint, weights_only=True)["step"] == 6


def test_a_foreign_checkpoint_is_named(folder: Path, tmp_path: Path):
    torch.save({"weights": 1}, tmp_path / "other.pt")
    arguments = ["export", "--data", str(folder), "--checkpoint", str(tmp_path / "other.pt"), "-o", str(tmp_path)]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 1
    assert "other.pt" in ended.output and "Traceback" not in ended.output


def test_a_folder_without_images_is_named(tmp_path: Path):
    arguments = ["rescaling", "--data", str(tmp_path), "--validation", str(tmp_path)]
    ended = CliRunner().invoke(main, [*arguments, "--checkpoint", str(tmp_path / "run.pt")])
    assert ended.exit_code == 1
    assert str(tmp_path) in ended.output and "Traceback" not in ended.output
