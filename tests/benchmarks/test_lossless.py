"""The comparison of lossless coders reads faces and prints one line a coder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.lossless import main, stored_bytes


def test_a_line_for_each_coder(tmp_path: Path, faces: dict[str, np.ndarray]) -> None:
    for name in ("anna", "otis"):
        Image.fromarray(faces[name]).resize((16, 16), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    sizes = [stored_bytes(np.asarray(Image.open(path))) for path in sorted(tmp_path.iterdir())]
    ended = CliRunner().invoke(main, [str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    for line, name in zip(ended.output.splitlines(), sizes[0], strict=True):
        assert line.startswith(name) and line.endswith("2 faces")
        assert f"{np.mean([each[name] for each in sizes]):.1f} bytes" in line
