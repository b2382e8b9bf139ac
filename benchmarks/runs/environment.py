"""The record of what a run was measured with, to repeat the run and to keep out rows measured with other settings."""

import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import features

from grain_codec.benchmarks.metrics.metric_set import describe_metrics
from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.machine import peak_mebibytes, processor
from grain_codec.benchmarks.runs.plan import Plan, make_codec
from grain_codec.benchmarks.runs.task import Description
from grain_codec.errors import GrainError
from grain_codec.runtime.worker_pool import WorkerDied, WorkerPool
from grain_codec.version import VERSION
from grain_codec.weights import find_model, read_model
from grain_codec.whole_files import write_whole

PACKAGES = (
    "pillow",
    "numpy",
    "torch",
    "pillow-heif",
    "pillow-jxl-plugin",
    "imageio-ffmpeg",
    "blurhash",
    "pytorch-msssim",
    "bjontegaard",
    "dlib",
    "dlib-bin",
)
LIBRARIES = {"libjpeg_turbo": "libjpeg-turbo", "webp": "libwebp", "avif": "libavif", "jpg_2000": "OpenJPEG"}
BINDING = ("caps", "picture_cap", "size", "efforts", "curves", "quick", "metrics", "settings", "models", "faces")
"""Entries of the record that must be equal for rows to stand in one table."""


class OtherSettings(GrainError):
    """The folder holds a run with other settings."""


def environment_of(plan: Plan, descriptions: Sequence[Description], faces: Sequence[FaceFile]) -> dict[str, Any]:
    """The record of a run at its start; JSON holds it as it is."""
    models = {model.name: read_model(find_model(model.source)) for model in plan.models}
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": _commit(),
        "versions": _versions(),
        "machine": _machine(),
        "models": {name: f"{model.path.name}, fingerprint {model.fingerprint.hex()}" for name, model in models.items()},
        "settings": {description.name: description.settings for description in descriptions},
        "metrics": describe_metrics(plan.metrics, plan.lpips_weights),
        "caps": list(plan.caps),
        "picture_cap": plan.picture_cap,
        "size": plan.size,
        "efforts": list(plan.efforts),
        "curves": plan.curves,
        "quick": plan.quick,
        "warnings": [],
        "faces": {face.name: face.digest for face in faces},
    }


def check_same_run(environment: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Refuses to go on with a run of other settings.

    Raises:
        OtherSettings: the text names what differs.
    """
    # JSON has no tuples and no other keys than text: compare what was written with what would be.
    ours = json.loads(json.dumps(environment))
    different = [name for name in BINDING if ours.get(name) != recorded.get(name)]
    if different:
        raise OtherSettings(f"holds a run with other {', '.join(different)}; give another folder, or --force")


def write_environment(path: Path, environment: dict[str, Any]) -> None:
    """Writes the record, whole or not at all."""
    write_whole(path, (json.dumps(environment, indent=2, ensure_ascii=False) + "\n").encode(), force=True)


def read_environment(path: Path) -> dict[str, Any]:
    """Reads what `write_environment` wrote.

    Raises:
        GrainError: it is not such a file.
        OSError: it cannot be read.
    """
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise GrainError(f"{path}: no record of a run: {error}") from error
    if not isinstance(environment, dict):
        raise GrainError(f"{path}: no record of a run")
    return environment


def peak_memory(plan: Plan, face: FaceFile) -> dict[str, int]:
    """MiB at the peak of a process that does nothing but one face at the middle cap, for each codec."""
    peaks = {}
    for name in plan.names:
        with WorkerPool(1) as pool, suppress(WorkerDied):  # for want of memory, say
            peaks[name] = pool.submit(_measure_memory, plan, name, face).result()
    return peaks


def _measure_memory(plan: Plan, name: str, face: FaceFile) -> int:
    make_codec(plan, name).best_under(face.read(plan.size), plan.picture_cap)
    return peak_mebibytes()


def _versions() -> dict[str, str]:
    found = {"grain-codec": VERSION, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {name: text for key, name in LIBRARIES.items() if (text := features.version(key))}


def _machine() -> dict[str, str | int]:
    return {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count() or 1}


def _commit() -> str | None:
    """The commit of the source tree that this runs from, if it is one."""
    repository = Path(__file__).resolve().parents[2]
    if not (repository / ".git").exists():
        return None
    try:
        call = ["git", "-C", str(repository), "describe", "--always", "--dirty"]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
