"""grain-weights: official files in, a weights file out, which the other commands then use."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.codec import file_codec, load_decoder, load_model
from grain_codec.models.grain2022.checkpoints import OFFICIAL_NAMES
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.weights import find_model, read_model


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; `models` in it is the user's folder of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAIN_MODELS", str(tmp_path / "models"))
    # Models are kept by their names, and another test may have put another file there.
    load_model.cache_clear()
    load_decoder.cache_clear()
    file_codec.cache_clear()
    return tmp_path


@pytest.fixture
def pretrained_models(folder: Path, small_networks: Grain2022) -> Path:
    """The official files of a small model, which states its sizes."""
    prior = dict(small_networks.prior.state_dict())
    mean_code = prior.pop("latent_avg")
    contents = {
        "invrrdb": {
            "state_dict": small_networks.rescaling.state_dict(),
            "opts": {"spec": small_networks.spec.to_json()},
        },
        "codestylegan": {"state_dict": prior},
        "fusion": {"state_dict": small_networks.fusion.state_dict()},
        "stylegan": {"g_ema": small_networks.prior.decoder.state_dict(), "latent_avg": mean_code},
    }
    (folder / "pretrained_models").mkdir()
    for kind, content in contents.items():
        torch.save(content, folder / "pretrained_models" / OFFICIAL_NAMES[kind][0])
    return folder / "pretrained_models"


def run(program: str, *arguments: str) -> Result:
    """Runs a command."""
    return CliRunner().invoke(import_module(f"grain_codec.cli.{program}").main, arguments)


def test_imported_weights_encode_and_decode_by_their_name(
    pretrained_models: Path, folder: Path, small_face: np.ndarray
):
    ended = run("weights", "import")
    assert (ended.exit_code, ended.stderr) == (0, "")
    (path,) = (folder / "models").iterdir()
    assert str(path) in ended.stdout and find_model("grain-2022") == path
    Image.fromarray(small_face).save("face.png")
    assert run("encode", "face.png", "-m", "grain-2022").exit_code == 0
    assert run("decode", "face.grain", "-m", "grain-2022", "--output", "prior", "-o", "prior.png").exit_code == 0
    assert Image.open("prior.png").size == (64, 64)
    described = run("info", "face.grain", "-m", "grain-2022")
    assert described.exit_code == 0 and read_model(path).coding_fingerprint.hex() in described.stdout
    assert run("decode", "face.grain").exit_code == 1


def test_files_one_by_one(pretrained_models: Path, small_networks: Grain2022):
    options = [
        argument
        for kind, names in OFFICIAL_NAMES.items()
        for argument in (f"--{kind}", str(pretrained_models / names[0]))
    ]
    ended = run("weights", "import", *options, "-o", "out/mine.safetensors")
    assert (ended.exit_code, ended.stderr) == (0, "")
    model = read_model(Path("out/mine.safetensors"))
    assert model.spec == small_networks.spec
    assert model.origin == f"Imported from {', '.join(names[0] for names in OFFICIAL_NAMES.values())}."
    again = run("weights", "import", *options, "-o", "out/mine.safetensors")
    assert again.exit_code == 1 and "out/mine.safetensors: exists" in again.stderr
    assert run("weights", "import", *options, "-o", "out/mine.safetensors", "--force").exit_code == 0
    assert [path.name for path in Path("out").iterdir()] == ["mine.safetensors"]


def test_info(small_weights: Path):
    model = read_model(small_weights)
    rows = json.loads(run("weights", "info", str(small_weights), "--json").stdout)
    assert rows["fingerprint"] == model.fingerprint.hex() and rows["origin"] == "made by a test"
    assert rows["bytes"] == small_weights.stat().st_size
    assert rows["spec"]["width"] == 8 and rows["modules"] == ["fusion", "prior", "rescaling"]
    table = run("weights", "info", str(small_weights))
    assert table.exit_code == 0 and model.fingerprint.hex() in table.stdout and "spec family" in table.stdout
    shipped = run("weights", "info", "face-1024")
    assert shipped.exit_code == 0 and find_model("face-1024").name in shipped.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("import",), "none of the official files"),
        (("import", "--invrrdb", "missing.pt"), "missing.pt"),
        (("info", "missing.safetensors"), "missing.safetensors"),
        (("export-onnx", "out", "-m", "missing.safetensors"), "missing.safetensors"),
        (("info", "nobody"), "nobody"),
        (("info", "grain-2022"), "grain-weights import"),
    ],
)
def test_failures_are_one_line(arguments: tuple[str, ...], text: str):
    ended = run("weights", *arguments)
    assert ended.exit_code == 1 and ended.stdout == ""
    assert ended.stderr.startswith("grain-weights: ") and ended.stderr.count("\n") == 1 and text in ended.stderr


def test_graphs_are_written_beside_the_weights(small_weights: Path, folder: Path):
    pytest.importorskip("onnxscript", reason='needs the extra "onnx"')
    model = read_model(Path(shutil.copy(small_weights, folder)))
    ended = run("weights", "export-onnx", "--beside-weights", "-m", model.path.name, "--licence", "none")
    assert (ended.exit_code, ended.stderr) == (0, "")
    stem = f"grain-2022-{model.fingerprint.hex()}"
    graphs = [f"{stem}-{output}.graph.onnx" for output in ("fused", "rescaled", "prior")]
    assert [Path(line.split(",")[0]).name for line in ended.stdout.splitlines()] == graphs
    again = run("weights", "export-onnx", "--beside-weights", "-m", model.path.name)
    assert again.exit_code == 1 and f"{graphs[0]}: exists" in again.stderr


def test_usage(folder: Path):
    (folder / "some").mkdir()
    exports = (("export-onnx",), ("export-onnx", "some", "--beside-weights"))
    for arguments in (("import", "some", "--fusion", "f.pt"), ("import", "-o", "weights.pt"), ("info",), *exports):
        assert run("weights", *arguments).exit_code == 2


def test_the_other_commands_say_how_to_get_the_weights(folder: Path, small_face: np.ndarray):
    Image.fromarray(small_face).save("face.png")
    ended = run("encode", "face.png", "-m", "grain-2022")
    assert ended.exit_code == 1 and "grain-weights import" in ended.stderr and str(folder / "models") in ended.stderr
