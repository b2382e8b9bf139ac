"""The choice of what draws faces: torch, or ONNX Runtime, which is small and starts at once. Loads neither."""

from __future__ import annotations

import os
from importlib.util import find_spec

from grain_codec.errors import WrongModel
from grain_codec.portable.session import reason_unavailable
from grain_codec.settings import ModelChoice
from grain_codec.weights import ModelFile

DRIVER_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""Files by which a GPU shows on Linux, and on Linux within Windows, without asking torch."""

WITHOUT_TORCH = "torch is not installed; only decoding with ONNX Runtime does without: pip install torch"


def choose_engine(model: ModelFile, choice: ModelChoice) -> tuple[str, str]:
    """The engine that draws the faces of a model, "torch" or "onnx", and the reason.

    ONNX Runtime draws on a CPU, in float32, where it is installed and the model has graphs for it. Raises WrongModel
    where it is asked for and cannot, and where neither can.
    """
    if choice.engine == "torch":
        return "torch", "it was asked for"
    reason = _reason_for_torch(model, choice)
    if reason is None:
        return "onnx", "it was asked for" if choice.engine == "onnx" else "on a CPU it starts sooner than torch"
    if choice.engine == "onnx" or find_spec("torch") is None:
        raise WrongModel(reason)
    return "torch", reason


def _reason_for_torch(model: ModelFile, choice: ModelChoice) -> str | None:
    """Why ONNX Runtime does not draw the faces as they are asked for; None where it does."""
    if choice.device.startswith("cuda"):
        return "ONNX Runtime draws on the CPU alone"
    if choice.engine == choice.device == "auto" and may_have_gpu() and find_spec("torch") is not None:
        return "there may be a GPU, and ONNX Runtime draws on the CPU alone"
    if choice.precision == "bfloat16":
        return "ONNX Runtime draws in float32 alone"
    return reason_unavailable(model)


def may_have_gpu() -> bool:
    """Tells whether this machine may have a GPU that torch can use."""
    return os.name != "posix" or any(map(os.path.exists, DRIVER_DEVICES))


def require_torch() -> None:
    """Raises WrongModel, which says what to install, where there is no torch."""
    if find_spec("torch") is None:
        raise WrongModel(WITHOUT_TORCH)
