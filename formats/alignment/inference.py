"""Runs the networks that find faces, which are ONNX files beside this module.

One thread runs them, so that many processes at once do not get into each other's way, and so that a process can fork.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FOLDER = Path(__file__).resolve().parent / "networks"

Arrays = dict[str, npt.NDArray[np.float32]]


def run(network: str, inputs: Arrays) -> Arrays:
    """The outputs of a network by name."""
    session = _session(network)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


@lru_cache(maxsize=2)
def _session(network: str) -> "InferenceSession":
    """A network, read once in a process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(FOLDER / f"{network}.onnx", options, providers=["CPUExecutionProvider"])
