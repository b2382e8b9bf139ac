"""The rows of the ablation: the LR image alone, and every picture of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.ablation import every_picture, main, plain_samples
from grain_codec.benchmarks.metrics.metric_set import MetricSet
from grain_codec.benchmarks.metrics.psnr import psnr, thumbnail_of
from grain_codec.codec import Codec
from grain_codec.models.grain2022 import lossless
from grain_codec.settings import DecodeSettings, EncodeSettings

METRICS = MetricSet(("psnr",))


def test_details_are_worth_more_than_exact_samples(codec: Codec, face: np.ndarray) -> None:
    row = plain_samples(codec, METRICS, face)
    assert row["bytes"] == len(lossless.encode(thumbnail_of(face)))
    bicubic = np.asarray(Image.fromarray(thumbnail_of(face)).resize(face.shape[:2], Image.Resampling.BICUBIC))
    ours = codec.decode(
        codec.encode(face, EncodeSettings(max_bytes=row["bytes"] // 2)), DecodeSettings(output="rescaled")
    )
    assert psnr(bicubic, face) < row["psnr"] < psnr(ours, face)


def test_means_of_every_picture_are_printed(tmp_path: Path, faces: dict[str, np.ndarray], codec: Codec) -> None:
    for name in ("anna", "otis"):
        Image.fromarray(faces[name]).save(tmp_path / f"{name}.png")
    ended = CliRunner().invoke(main, [str(tmp_path), "--metric", "psnr", "--max-bytes", "300"])
    assert ended.exit_code == 0, ended.output
    plain, *drawn = ended.output.splitlines()
    assert plain.startswith("plain 8-bit LR image: 2 faces, bytes ")
    expected = [dict(every_picture(codec, METRICS, faces[name], 300)) for name in ("anna", "otis")]
    for line, output in zip(drawn, codec.outputs, strict=True):
        assert line.startswith(f"face-1024 {output}: 2 faces")
        mean = np.mean([each[output]["psnr"] for each in expected])
        assert float(line.split("psnr ")[1]) == pytest.approx(mean, abs=1e-3)
