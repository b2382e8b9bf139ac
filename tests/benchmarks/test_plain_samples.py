"""The LR image alone, as a codec: worse than a file of ours with half its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec import lossless
from grain_codec.benchmarks.metrics import Judge, psnr, thumbnail_of
from grain_codec.benchmarks.plain_samples import main, measure
from grain_codec.codec import Codec


def test_details_are_worth_more_than_exact_samples(codec: Codec, face: np.ndarray) -> None:
    row = measure(codec, Judge(("psnr",)), face)
    assert row["bytes"] == len(lossless.encode(thumbnail_of(face)))
    bicubic = np.asarray(Image.fromarray(thumbnail_of(face)).resize(face.shape[:2], Image.Resampling.BICUBIC))
    ours = codec.decode_face(codec.encode_face(face, max_bytes=row["bytes"] // 2), output="rescaled")
    assert psnr(bicubic, face) < row["psnr"] < psnr(ours, face)


def test_means_are_printed(tmp_path: Path, faces: dict[str, np.ndarray], codec: Codec) -> None:
    for name in ("anna", "otis"):
        Image.fromarray(faces[name]).save(tmp_path / f"{name}.png")
    ended = CliRunner().invoke(main, [str(tmp_path), "--metric", "psnr"])
    assert ended.exit_code == 0, ended.output
    rows = [measure(codec, Judge(("psnr",)), faces[name]) for name in ("anna", "otis")]
    mean = pytest.approx(np.mean([row["psnr"] for row in rows]), abs=1e-3)
    assert ended.output.startswith("2 faces, ") and float(ended.output.split("psnr ")[1]) == mean
