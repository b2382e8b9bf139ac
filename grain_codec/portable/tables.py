"""The integer tables of a model in a file of their own, for programs that read faces without its networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save as tensors_as_bytes

from grain_codec.portable.graphs import Picture, metadata_of
from grain_codec.weights import ModelFile
from grain_codec.whole_files import write_whole


def write_tables(model: ModelFile, folder: Path, licence: str, force: bool = False) -> Path:
    """Writes the tensors of whole numbers, which entropy coder and LR image depend on, as a safetensors file.

    Raises OSError, also where the file exists and `force` is not given.
    """
    tables = {name: tensor for name, tensor in model.tensors.items() if np.issubdtype(tensor.dtype, np.integer)}
    path = folder / f"{model.spec.name}-{model.fingerprint.hex()}-tables.safetensors"
    metadata = metadata_of(model, Picture("tables"), licence)
    write_whole(path, tensors_as_bytes(tables, metadata), force)
    return path
