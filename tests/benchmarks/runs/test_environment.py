"""The record of a run: enough to repeat it, and to refuse rows of other settings."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks.runs.environment import (
    OtherSettings,
    check_same_run,
    environment_of,
    peak_memory,
    read_environment,
    write_environment,
)
from grain_codec.benchmarks.runs.faces import FaceFile, usable_faces
from grain_codec.benchmarks.runs.plan import NamedModel, Plan
from grain_codec.benchmarks.runs.task import Description
from grain_codec.benchmarks.tables.rows import Series
from grain_codec.errors import GrainError

PLAN = Plan(("jpeg",), (NamedModel("face-1024", "face-1024"),), caps=(200, 384, 484), metrics=("psnr",))
WEBP = Description("webp", "libwebp 1.6", (Series("webp"),), ("300",))
FACE = FaceFile("anna.jpg", Path("anna.jpg"), "0123")


REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is no checkout")
def test_the_record_names_the_commit_of_the_checkout() -> None:
    head = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    commit = environment_of(PLAN, [WEBP], [FACE])["commit"]
    assert commit and head.stdout.startswith(commit.removesuffix("-dirty"))


def test_a_run_is_the_same_after_its_record_was_written(tmp_path: Path) -> None:
    write_environment(tmp_path / "environment.json", environment_of(PLAN, [WEBP], [FACE]))
    recorded = read_environment(tmp_path / "environment.json")
    check_same_run(environment_of(PLAN, [WEBP], [FACE]), recorded)
    assert recorded["picture_cap"] == 384 and recorded["settings"] == {"webp": "libwebp 1.6"}
    assert recorded["versions"]["pillow"] and recorded["machine"]["cores"] >= 1
    assert "fingerprint" in recorded["models"]["face-1024"]


@pytest.mark.parametrize(
    ("plan", "description", "face", "reason"),
    [
        (replace(PLAN, caps=(200, 384)), WEBP, FACE, "caps"),
        (replace(PLAN, metrics=("psnr", "ssim")), WEBP, FACE, "metrics"),
        (replace(PLAN, quick=True), WEBP, FACE, "quick"),
        (PLAN, replace(WEBP, settings="libwebp 1.7"), FACE, "settings"),
        (PLAN, WEBP, replace(FACE, digest="4567"), "faces"),
    ],
)
def test_other_settings_are_refused(plan: Plan, description: Description, face: FaceFile, reason: str) -> None:
    recorded = json.loads(json.dumps(environment_of(PLAN, [WEBP], [FACE])))
    with pytest.raises(OtherSettings, match=f"other .*{reason}"):
        check_same_run(environment_of(plan, [description], [face]), recorded)


@pytest.mark.parametrize("content", ["", "[1, 2]", "{"])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "environment.json").write_text(content)
    with pytest.raises(GrainError, match="no record of a run"):
        read_environment(tmp_path / "environment.json")


def test_memory_is_that_of_a_process_of_its_own(tmp_path: Path, small_face: np.ndarray) -> None:
    """Far below what this process, which has loaded torch and a model, takes."""
    Image.fromarray(small_face).save(tmp_path / "face.png")
    ballast = np.ones(300 << 20, np.uint8)
    peaks = peak_memory(replace(PLAN, models=(), size=64), usable_faces(tmp_path, 64)[0][0])
    assert list(peaks) == ["jpeg"] and 20 < peaks["jpeg"] < ballast.nbytes >> 20
