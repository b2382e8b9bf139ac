"""What may be used without loading torch: help, file formats, and all that reads a file without drawing it.

Which package may import which is checked by `make lint`; see the contracts in pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grain_codec.codec import load_model
from grain_codec.portable.engine import may_have_gpu
from grain_codec.settings import EncodeSettings

WITHOUT_TORCH = (
    "grain_codec",
    "grain_codec.codec",
    "grain_codec.coding.lr_image",
    "grain_codec.coding.range_coder",
    "grain_codec.formats.alignment.placement",
    "grain_codec.formats.container",
    "grain_codec.formats.images.metadata",
    "grain_codec.formats.images.reading",
    "grain_codec.formats.images.writing",
    "grain_codec.formats.plugins.GrainImagePlugin",
    "grain_codec.formats.plugins.imageio_plugin",
    "grain_codec.formats.plugins.pillow_plugin",
    "grain_codec.formats.png_carrier",
    "grain_codec.formats.qr_carrier",
    "grain_codec.models.registry",
    "grain_codec.portable.engine",
    "grain_codec.runtime.worker_pool",
    "grain_codec.settings",
    "grain_codec.weights",
    "grain_codec.whole_files",
)


def heavy_packages_after(statements: str, *arguments: str) -> set[str]:
    """Which of torch, numpy and Pillow a fresh interpreter has loaded after some statements."""
    report = "print(*sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)), file=sys.stderr)"
    code = f"import sys\ntry:\n    {statements}\nexcept SystemExit as end:\n    assert not end.code, end.code\n{report}"
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.split())


@pytest.fixture(scope="module", params=["grain", "png"])
def encoded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the shipped model in each carrier."""
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 4, column // 4, (row + column) // 8], -1).astype(np.uint8)
    path = tmp_path_factory.mktemp("encoded") / "face.grain"
    path.write_bytes(load_model(device="cpu").encode(pixels, EncodeSettings(quality=1, carrier=request.param)))
    return path


def test_modules_load_no_torch() -> None:
    assert "torch" not in heavy_packages_after(f"import {', '.join(WITHOUT_TORCH)}")


@pytest.mark.parametrize("command", ["encode", "decode", "info", "weights", "train", "bench"])
def test_help_loads_nothing_heavy(command: str) -> None:
    assert not heavy_packages_after(f"from grain_codec.cli.{command} import main; main()", "--help")


def test_info_loads_no_torch(encoded: Path) -> None:
    assert "torch" not in heavy_packages_after("from grain_codec.cli.info import main; main()", str(encoded))


def test_thumbnail_loads_no_torch(encoded: Path, tmp_path: Path) -> None:
    target = tmp_path / "thumbnail.png"
    options = ["--thumbnail", "-o", str(target), "--quiet"]
    loaded = heavy_packages_after("from grain_codec.cli.decode import main; main()", str(encoded), *options)
    assert "torch" not in loaded
    assert target.exists()


def test_decoding_with_onnx_runtime_loads_no_torch(encoded: Path, tmp_path: Path) -> None:
    target = tmp_path / "face.png"
    command = "from grain_codec.cli.decode import main; main()"
    loaded = heavy_packages_after(command, str(encoded), "-o", str(target), "--quiet", "--device", "cpu")
    assert "torch" not in loaded and target.exists()
    function = "import grain_codec; grain_codec.decode(open(sys.argv[1], 'rb').read()).save(sys.argv[2])"
    loaded = heavy_packages_after(function, str(encoded), str(tmp_path / "again.png"))
    assert "torch" not in loaded or may_have_gpu()


def test_inspecting_the_published_model_loads_no_torch(
    tmp_path: Path, small_weights: Path, small_face: np.ndarray
) -> None:
    encoded = tmp_path / "face.grain"
    encoded.write_bytes(load_model(str(small_weights), "cpu").encode(small_face))
    for program, arguments in (("info", [str(encoded), "-m"]), ("weights", ["info"])):
        statement = f"from grain_codec.cli.{program} import main; main()"
        assert "torch" not in heavy_packages_after(statement, *arguments, str(small_weights))
