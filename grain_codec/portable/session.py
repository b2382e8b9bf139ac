"""Draws faces with ONNX Runtime on the CPU, from the bare graphs beside a weights file."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grain_codec.errors import WrongModel
from grain_codec.models.registry import family_of
from grain_codec.portable.graphs import SYMBOLS, WEIGHTS, bare_graphs, left_out
from grain_codec.weights import ModelFile

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ERRORS_ALONE = 3  # ONNX Runtime's level of messages.
MOST_GRAPH_BYTES = 1 << 28  # Bound on the size of a bare graph.


def reason_unavailable(model: ModelFile) -> str | None:
    """Why ONNX Runtime cannot draw the faces of a model; None where it can."""
    if find_spec("onnxruntime") is None:
        return "ONNX Runtime is not installed: pip install onnxruntime"
    missing = [path.name for path in bare_graphs(model).values() if not path.is_file()]
    return f"no file {missing[0]} lies beside the weights file" if missing else None


class OnnxNetworks:
    """The pictures that the bare graphs of a model draw; each graph is loaded when it is first needed."""

    def __init__(self, model: ModelFile):
        """Raises WrongModel where ONNX Runtime is not installed or a graph is missing."""
        reason = reason_unavailable(model)
        if reason is not None:
            raise WrongModel(reason)
        self._model, self._paths = model, bare_graphs(model)
        self._sessions: dict[str, InferenceSession] = {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The pictures that the model can draw, its best first."""
        return tuple(self._paths)

    def draw_records(self, records: npt.NDArray[Any], output: str) -> npt.NDArray[np.uint8]:
        """Draws records `[B, N]` as one of `outputs`, uint8 `[B, S, S, 3]`; raises WrongModel for an unusable graph."""
        if output not in self._sessions:
            self._sessions[output] = self._load(output)
        session = self._sessions[output]
        try:
            return np.concatenate([session.run(None, {SYMBOLS: record[None]})[0] for record in records])
        except Exception as error:  # ONNX Runtime's errors have no common base.
            raise WrongModel(f"{self._paths[output]}: cannot be run: {_first_line(error)}") from error

    def _load(self, output: str) -> InferenceSession:
        """The session of a graph, which takes its weights from the model. Raises WrongModel, naming the file."""
        import onnxruntime

        path, weights = self._paths[output], b"".join(each.tobytes() for each in left_out(self._model, output).values())
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ALONE
        options.intra_op_num_threads = _threads(self._model)
        # Most processes draw one face. An arena keeps the memory of maps that no later map fits in.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.add_external_initializers_from_files_in_memory([WEIGHTS], [weights], [len(weights)])
        try:
            session = onnxruntime.InferenceSession(_read(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common base.
            again = "write it anew with `grain-weights export-onnx --beside-weights`"
            raise WrongModel(f"{path}: not a usable ONNX file ({_first_line(error)}); {again}") from error
        found = session.get_modelmeta().custom_metadata_map.get("fingerprint")
        if found != self._model.fingerprint.hex():
            raise WrongModel(f"{path}: made for the weights {found}, not for {self._model.fingerprint.hex()}")
        return session


def _threads(model: ModelFile) -> int:
    """Threads for a model's graphs: no more than pay for its family or than OMP_NUM_THREADS says; 0 for one a core."""
    limits = [family_of(model.spec).most_threads, os.environ.get("OMP_NUM_THREADS")]
    return min((int(limit) for limit in limits if limit and str(limit).isdecimal()), default=0)


def _read(path: Path) -> bytes:
    """The bytes of a graph, of which there may not be too many."""
    if path.stat().st_size > MOST_GRAPH_BYTES:
        raise WrongModel("too large for a graph without weights")
    return path.read_bytes()


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].removeprefix("[ONNXRuntimeError] : ")
