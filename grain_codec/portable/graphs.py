"""The ONNX files of a model: their names, what their metadata say, and which tensors a bare graph leaves out.

An ONNX file draws one picture. Its input `symbols` is the record that the model's coder packs of a face, `[1, N]` whole
numbers; its output `picture` is uint8 `[1, S, S, 3]`. There are two kinds:

    NAME-FINGERPRINT-PICTURE.onnx          whole: the weights are in the file
    NAME-FINGERPRINT-PICTURE.graph.onnx    bare: the large tensors stay in the weights file, beside which it lies

The name of the picture is one of the model's outputs, followed by `-SIDE` where it is drawn smaller than the model's
faces, and by `-fp16` where the weights are stored in half precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from grain_codec.models.spec import MODULES_FOR
from grain_codec.weights import NETWORKS, ModelFile

SYMBOLS, PICTURE = "symbols", "picture"  # The names of a graph's input and output.
WEIGHTS = "weights"  # What a bare graph calls the bytes that it takes from the weights file.
HALF = "/half"  # Ends the names of tensors that a graph stores in half precision.
LEAST_LEFT_OUT = 1024  # Numbers of the smallest tensor that a bare graph leaves to the weights file.


@dataclass(frozen=True)
class Picture:
    """A picture that an ONNX file draws."""

    output: str  # One of the model's outputs.
    side: int | None = None  # Side in pixels; None is that of the model's faces.
    half: bool = False  # The weights are stored in half precision; the file computes in float32 all the same.

    @property
    def name(self) -> str:
        """The name in the file's name.

        Example: "fused-256-fp16"
        """
        return self.output + (f"-{self.side}" if self.side else "") + "-fp16" * self.half


def file_name(model: ModelFile, picture: Picture, bare: bool = False) -> str:
    """The name of an ONNX file of a model."""
    return f"{model.spec.name}-{model.fingerprint.hex()}-{picture.name}{'.graph' * bare}.onnx"


def metadata_of(model: ModelFile, picture: Picture, licence: str) -> dict[str, str]:
    """The metadata of an ONNX file, by key."""
    return {
        "name": model.spec.name,
        "picture": picture.name,
        "spec": model.spec.to_json(),
        "fingerprint": model.fingerprint.hex(),
        "fingerprint in files": model.coding_fingerprint.hex(),
        "origin": model.origin,
        "licence": licence,
    }


def left_out(model: ModelFile, output: str) -> dict[str, npt.NDArray[Any]]:
    """The tensors that the bare graph of an output takes from the weights file, by name, in the order of names.

    The graph finds each in the bytes of all of them, one after the other.
    """
    modules = tuple(f"{NETWORKS}{module}." for module in MODULES_FOR[output])
    names = sorted(name for name in model.tensors if name.startswith(modules))
    return {name: model.tensors[name] for name in names if model.tensors[name].size >= LEAST_LEFT_OUT}


def bare_graphs(model: ModelFile) -> dict[str, Path]:
    """The paths of a model's bare graphs, beside its weights file, by output, the model's best first."""
    outputs = [output for output, needed in MODULES_FOR.items() if model.modules.issuperset(needed)]
    return {output: model.path.parent / file_name(model, Picture(output), bare=True) for output in outputs}
