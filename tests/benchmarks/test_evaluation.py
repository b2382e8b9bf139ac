"""grain-train evaluate: the pictures and the table of a model, decoded from what a file holds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli.train import main
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.training.grain2022.training import OFFICIAL_NAMES
from grain_codec.training.state_files import write_module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_networks: Grain2022) -> Path:
    """The modules as the stages leave them, and two faces of which one is not of the model's size."""
    folder = tmp_path_factory.mktemp("evaluate")
    for stage, name in OFFICIAL_NAMES.items():
        write_module(folder / "run" / stage / name, small_networks[stage], small_networks.spec.to_json())
    (folder / "SPEC.json").write_text(small_networks.spec.to_json())
    (folder / "faces").mkdir()
    generator = np.random.default_rng(0)
    for name, side in {"one": 64, "two": 128}.items():
        small = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side, side)).save(folder / "faces" / f"{name}.png")
    return folder


def evaluate(folder: Path, output: str, *options: str) -> Result:
    model = ["-m", str(folder / "SPEC.json"), "--exp-dir", str(folder / "run"), "--device", "cpu"]
    arguments = ["evaluate", str(folder / "faces"), "-O", str(folder / output), *model, *options]
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def tested(folder: Path) -> Path:
    ended = evaluate(folder, "tested")
    assert ended.exit_code == 0, ended.output
    assert [line.split()[0] for line in ended.output.splitlines()] == ["lr", "rescaled", "prior", "fused"]
    return folder / "tested"


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_every_picture_of_every_face_is_a_file(tested: Path):
    for kind, shape in {
        "lr": (16, 16, 3),
        "rescaled": (64, 64, 3),
        "prior": (64, 64, 3),
        "fused": (64, 64, 3),
        "comparison": (64, 320, 3),
    }.items():
        assert [read(path).shape for path in sorted((tested / kind).iterdir())] == [shape, shape]


@pytest.mark.parametrize("kind", ["rescaled", "prior", "fused"])
def test_what_is_decoded_is_what_the_lr_image_holds(tested: Path, small_networks: Grain2022, kind: str):
    """The pictures come back from the 8-bit LR image on disk, rounded."""
    samples = torch.from_numpy(read(tested / "lr" / "one.png").copy()).permute(2, 0, 1)[None].float()
    drawn = (small_networks.draw(samples, kind) * 255).round()[0].permute(1, 2, 0).numpy()
    assert np.abs(drawn - read(tested / kind / "one.png")).max() <= 1
    assert (drawn == read(tested / kind / "one.png")).mean() > 0.999


def test_the_table_has_the_distances_of_every_picture(tested: Path):
    with (tested / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["face"], row["picture"]) for row in rows] == [
        (face, picture) for face in ("one", "two") for picture in ("lr", "rescaled", "prior", "fused")
    ]
    places = tested / "fused", tested.parent / "faces"
    fused, face = (read(place / "one.png").astype(float) for place in places)
    error = np.square(fused - face).mean()
    found = next(float(row["psnr"]) for row in rows if row["face"] == "one" and row["picture"] == "fused")
    assert found == pytest.approx(10 * np.log10(255**2 / error), abs=1e-3)


def test_the_official_quirks_come_only_when_asked_for(tested: Path, folder: Path):
    """By themselves two tests are equal; with the quirks noise makes them differ."""
    assert evaluate(folder, "again").exit_code == 0
    assert (folder / "again" / "fused" / "one.png").read_bytes() == (tested / "fused" / "one.png").read_bytes()
    for output in ("quirks", "more"):
        assert evaluate(folder, output, "--official-quirks").exit_code == 0
    first, second = (read(folder / output / "fused" / "one.png") for output in ("quirks", "more"))
    assert not np.array_equal(first, second)
    plain = read(tested / "rescaled" / "one.png").astype(float).mean()
    assert read(folder / "quirks" / "rescaled" / "one.png").astype(float).mean() < plain


def test_nothing_is_overwritten_without_force(tested: Path, folder: Path):
    refused = evaluate(folder, "tested")
    assert refused.exit_code == 1 and "one.png" in refused.output and "Traceback" not in refused.output
    assert evaluate(folder, "tested", "--force").exit_code == 0


def test_a_model_that_has_only_its_first_stage_is_tested_too(folder: Path):
    options = ["-m", str(folder / "SPEC.json"), "--device", "cpu"]
    rescaling = ["--rescaling-checkpoint", str(folder / "run" / "rescaling" / "invRRDB_model.pt")]
    arguments = ["evaluate", str(folder / "faces"), "-O", str(folder / "first"), *options, *rescaling]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, ended.output
    assert {path.name for path in (folder / "first").iterdir()} == {"lr", "rescaled", "comparison", "metrics.csv"}


def test_the_shipped_model_is_tested_through_its_codec(tmp_path: Path, faces: dict[str, np.ndarray]):
    Image.fromarray(faces["anna"]).save(tmp_path / "anna.png")
    arguments = ["evaluate", str(tmp_path / "anna.png"), "-O", str(tmp_path / "tested"), "-q", "5", "--device", "cpu"]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, ended.output
    assert read(tmp_path / "tested" / "lr" / "anna.png").shape == (16, 16, 3)
    assert float(ended.output.split("rescaled")[1].split()[1]) > 20
