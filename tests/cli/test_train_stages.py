"""grain-train through the four stages of a small model of the published kind, and what it refuses."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli.train import main
from grain_codec.codec import load_model
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.training.run_log import read_log

WITHOUT_JUDGES = ["--lpips-lambda", "0", "--id-lambda", "0"]
QUICK = ["--device", "cpu", "--workers", "0", "--batch-size", "2", "--report-every", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_networks: Grain2022) -> Path:
    """Generated faces, the sizes of a small model, and a generator for it."""
    folder, prior = tmp_path_factory.mktemp("stages"), small_networks.prior
    (folder / "faces").mkdir()
    row, column = np.mgrid[0:64, 0:64]
    for seed in range(4):
        generator = np.random.default_rng(seed)
        inside = ((column - 32) / 18) ** 2 + ((row - 32 - 3 * generator.normal()) / 24) ** 2 < 1
        face = np.where(inside[..., None], generator.uniform(60, 200, 3), generator.uniform(20, 240, 3))
        Image.fromarray(face.astype(np.uint8)).save(folder / "faces" / f"{seed}.png")
    (folder / "SPEC.json").write_text(small_networks.spec.to_json())
    torch.save({"g_ema": prior.decoder.state_dict(), "latent_avg": prior.latent_avg}, folder / "generator.pt")
    return folder


def train(folder: Path, *arguments: str, steps: int = 3, exp_dir: str = "run") -> Result:
    faces = ["--data", str(folder / "faces"), "--validation", str(folder / "faces")]
    model = ["-m", str(folder / "SPEC.json"), "--exp-dir", str(folder / exp_dir), "--max-steps", str(steps)]
    return CliRunner().invoke(main, [*arguments[:1], *faces, *model, *QUICK, *arguments[1:]])


@pytest.fixture(scope="module")
def stages(folder: Path) -> Path:
    """The first three stages, trained for three steps each; the second by its official name."""
    generator = ["--generator-weights", str(folder / "generator.pt")]
    for arguments in (["rescaling"], ["--codeStyleGAN", *generator], ["fusion"]):
        ended = train(folder, *arguments, *WITHOUT_JUDGES)
        assert ended.exit_code == 0, ended.output
    return folder / "run"


def test_a_stage_leaves_state_modules_log_and_contact_sheet(stages: Path):
    left = {path.name for path in (stages / "rescaling").iterdir()} - {"log-events"}
    assert left == {"state.pt", "invRRDB_model.pt", "best_invRRDB_model.pt", "invRRDB_dis.pt", "log.csv", "sheets"}
    rows = read_log(stages / "rescaling" / "log.csv")
    assert [row[0] for row in rows if row[1:3] == ("train", "loss")] == [1, 2, 3]
    assert {row[2] for row in rows if row[1] == "train"} == {"loss", "square", "lr", "adversarial"}
    assert {row[2] for row in rows if row[1] == "validation"} == {"loss", "square", "lr", "psnr"}
    sheet = Image.open(io.BytesIO((stages / "rescaling" / "sheets" / "step-0000003.jpg").read_bytes()))
    assert sheet.width == 3 * 256 and sheet.height > 4 * 256


def test_tensorboard_sees_the_figures_where_it_is_installed(stages: Path):
    pytest.importorskip("tensorboard")
    assert list((stages / "rescaling" / "log-events").glob("events.*"))


def test_the_fourth_stage_starts_from_what_the_others_left(stages: Path, folder: Path):
    """At a learning rate of zero it writes back the very tensors that it read."""
    ended = train(folder, "finetune", "--learning-rate", "0", "--adv-lambda", "0", *WITHOUT_JUDGES, steps=1)
    assert ended.exit_code == 0, ended.output
    for stage, file in {"rescaling": "invRRDB", "prior": "codeStyleGAN", "fusion": "Fusion"}.items():
        read = torch.load(stages / stage / f"{file}_model.pt", weights_only=True)["state_dict"]
        written = torch.load(stages / "finetune" / f"{file}_model.pt", weights_only=True)["state_dict"]
        assert set(read) == set(written) and all(torch.equal(value, written[name]) for name, value in read.items())


def test_what_the_stages_left_becomes_a_weights_file_that_encodes_and_decodes(stages: Path, folder: Path):
    arguments = ["export", "-m", str(folder / "SPEC.json"), "--exp-dir", str(stages), "-o", str(folder / "exported")]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, ended.output
    (weights,) = (folder / "exported").glob("grain-2022-*.safetensors")
    codec = load_model(str(weights), "cpu")
    face = np.asarray(Image.open(folder / "faces" / "0.png"))
    assert codec.outputs == ("fused", "rescaled", "prior")
    assert codec.decode(codec.encode(face)).shape == face.shape


def test_frozen_modules_pass_through_a_stage_unchanged(stages: Path, folder: Path):
    """The generator of the second stage's file is the pretrained one."""
    pretrained = torch.load(folder / "generator.pt", weights_only=True)["g_ema"]
    written = torch.load(stages / "prior" / "codeStyleGAN_model.pt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, written[f"decoder.{name}"]) for name, value in pretrained.items())


def test_official_spellings_stand_for_the_commands(folder: Path):
    """Options with underscores too."""
    ended = train(folder, "--invRRDB", "--lr_l2_lambda", "0", *WITHOUT_JUDGES, "--max_steps", "1", exp_dir="official")
    assert ended.exit_code == 0, ended.output
    assert "lr" not in {row[2] for row in read_log(folder / "official" / "rescaling" / "log.csv")}


def test_two_stages_at_once_are_refused(folder: Path):
    ended = train(folder, "--invRRDB", "--Fusion")
    assert ended.exit_code == 2 and "one stage at a time" in ended.output


@pytest.mark.parametrize(("term", "named"), [("lpips", "--lpips-weights"), ("id", "--identity-weights")])
def test_a_term_without_its_network_is_refused_unless_its_weight_is_zero(folder: Path, term: str, named: str):
    others = {"lpips": ["--id-lambda", "0"], "id": ["--lpips-lambda", "0"]}
    ended = train(folder, "rescaling", *others[term], exp_dir="refused")
    assert ended.exit_code == 2 and named in ended.output and f"--{term}-lambda 0" in ended.output
    assert not (folder / "refused").exists()


@pytest.mark.parametrize("stage", ["prior", "fusion", "finetune"])
def test_a_stage_without_the_ones_before_it_is_refused(folder: Path, stage: str):
    ended = train(folder, stage, *WITHOUT_JUDGES, exp_dir="nowhere")
    assert ended.exit_code == 2 and "--rescaling-checkpoint" in ended.output and "Traceback" not in ended.output


def test_the_second_stage_needs_a_generator(stages: Path, folder: Path):
    rescaling = ["--rescaling-checkpoint", str(stages / "rescaling" / "invRRDB_model.pt")]
    ended = train(folder, "prior", *rescaling, *WITHOUT_JUDGES, exp_dir="nowhere")
    assert ended.exit_code == 2 and "--generator-weights" in ended.output


def test_another_modules_file_is_named(stages: Path, folder: Path):
    wrong = ["--rescaling-checkpoint", str(stages / "fusion" / "Fusion_model.pt")]
    generator = ["--generator-weights", str(folder / "generator.pt")]
    ended = train(folder, "prior", *wrong, *generator, *WITHOUT_JUDGES, exp_dir="nowhere")
    assert ended.exit_code == 1 and "Fusion_model.pt" in ended.output and "Traceback" not in ended.output


def test_options_of_the_other_model_are_refused(folder: Path):
    ended = train(folder, "rescaling", "--start", "face-1024", *WITHOUT_JUDGES, exp_dir="refused")
    assert ended.exit_code == 2 and "--start" in ended.output
    faces = ["--data", str(folder / "faces"), "--validation", str(folder / "faces")]
    ended = CliRunner().invoke(main, ["rescaling", *faces, "--exp-dir", str(folder / "refused"), "--lpips-lambda", "0"])
    assert ended.exit_code == 2 and "--lpips-lambda" in ended.output
    assert not (folder / "refused").exists()


def test_a_batch_that_the_discriminator_cannot_part_is_refused(stages: Path, folder: Path):
    ended = train(folder, "fusion", *WITHOUT_JUDGES, "--batch-size", "6", exp_dir="run")
    assert ended.exit_code == 2 and "--batch-size" in ended.output


@pytest.mark.parametrize("model", ["unknown", "missing.json"])
def test_an_unknown_model_is_named(folder: Path, model: str):
    arguments = ["rescaling", "-m", model, "--data", str(folder), "--validation", str(folder), "--exp-dir", "x"]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code in (1, 2) and model in ended.output and "Traceback" not in ended.output


def test_training_goes_on_with_averaging_in_mixed_precision(folder: Path):
    options = ["rescaling", *WITHOUT_JUDGES, "--adv-lambda", "0", "--average", "0.9", "--checkpoint-every", "2"]
    options += ["--precision", "bfloat16"]
    for steps in (2, 4):
        ended = train(folder, *options, steps=steps, exp_dir="mixed")
        assert ended.exit_code == 0, ended.output
    rows = read_log(folder / "mixed" / "rescaling" / "log.csv")
    assert [row[0] for row in rows if row[1:3] == ("train", "loss")] == [1, 2, 3, 4]
    state = torch.load(folder / "mixed" / "rescaling" / "state.pt", weights_only=True)
    written = torch.load(folder / "mixed" / "rescaling" / "invRRDB_model.pt", weights_only=True)["state_dict"]
    name = "enc.conv_first.weight"
    assert torch.equal(written[name], state["averaged"][f"networks.rescaling.{name}"])
    assert not torch.equal(written[name], state["objective"][f"networks.rescaling.{name}"])


@pytest.mark.slow
def test_after_a_kill_the_same_command_goes_on_from_the_last_checkpoint(folder: Path):
    faces = ["--data", str(folder / "faces"), "--validation", str(folder / "faces")]
    model = ["-m", str(folder / "SPEC.json"), "--exp-dir", str(folder / "killed"), "--checkpoint-every", "2"]
    run = [sys.executable, "-m", "grain_codec.cli.train", "rescaling", *faces, *model, *WITHOUT_JUDGES, *QUICK]
    log, state = (folder / "killed" / "rescaling" / name for name in ("log.csv", "state.pt"))
    process = subprocess.Popen([*run, "--max-steps", "100000"], stdout=subprocess.DEVNULL, cwd=folder)
    deadline = time.monotonic() + 120
    while (not state.exists() or len(read_log(log)) < 40) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = max(row[0] for row in read_log(log))
    kept = torch.load(state, weights_only=True)["step"]
    assert reached - 2 <= kept <= reached and kept % 2 == 0
    ended = CliRunner().invoke(main, [*run[3:], "--max-steps", str(kept + 4)])
    assert ended.exit_code == 0, ended.output
    steps = [row[0] for row in read_log(log) if row[1:3] == ("train", "loss")]
    assert steps == list(range(1, kept + 5))


@pytest.mark.slow
def test_a_stage_runs_in_two_processes(folder: Path):
    faces = ["--data", str(folder / "faces"), "--validation", str(folder / "faces")]
    model = ["-m", str(folder / "SPEC.json"), "--exp-dir", str(folder / "two"), "--max-steps", "6"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "grain_codec.cli.train", "--invRRDB", *faces, *model, *WITHOUT_JUDGES, *QUICK]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("step 6  validation") == 1
    assert torch.load(folder / "two" / "rescaling" / "state.pt", weights_only=True)["step"] == 6
