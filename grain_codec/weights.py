"""Weights files: safetensors with the spec in the header, known by the SHA-256 of what they hold.

Reading the tables of a model (thumbnail, entropy coder) needs numpy alone; torch is imported only by
`load_networks`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from grain_codec.errors import WrongModel
from grain_codec.low_resolution import ThumbnailTables
from grain_codec.spec import ModelSpec
from grain_codec.symbols import SymbolTables

if TYPE_CHECKING:
    from torch import nn

ZOO = Path(__file__).parent / "zoo"
FINGERPRINT_BYTES = 3
MOST_FILE_BYTES = 1 << 30
_SYMBOL_TABLES = ("thumbnail_scales", "detail_scales", "thumbnail_context", "detail_context", "cumulative")


@dataclass(frozen=True)
class ModelFile:
    """The checked content of a weights file.

    Attributes:
        path: where it was read.
        spec: the geometry of its networks.
        fingerprint: leading bytes of the SHA-256 over spec and tensors; every encoded face carries them.
        tensors: by name; `networks.*` for the networks, `tables.*` for the integer tables.
    """

    path: Path
    spec: ModelSpec
    fingerprint: bytes
    tensors: dict[str, np.ndarray]

    def check_fingerprint(self, fingerprint: bytes) -> None:
        """Refuses a face that was encoded with other weights.

        Raises:
            WrongModel: the text names both.
        """
        if fingerprint != self.fingerprint:
            ours = f"{self.spec.name} has {self.fingerprint.hex()}"
            raise WrongModel(f"encoded with the weights {fingerprint.hex()}, and {ours}")

    def symbol_tables(self) -> SymbolTables:
        """The tables of the entropy coder."""
        return SymbolTables(**{name: self._table(name) for name in _SYMBOL_TABLES})

    def thumbnail_tables(self) -> ThumbnailTables:
        """The tables that turn symbols into the thumbnail."""
        tables = ThumbnailTables(
            mean=self._tensor("networks.rescaling.thumbnail_mean"),
            basis=self._tensor("networks.rescaling.thumbnail_basis"),
            steps=self._table("thumbnail_steps"),
        )
        tables.check(self.spec)
        return tables

    def _table(self, name: str) -> np.ndarray:
        return self._tensor(f"tables.{name}")

    def _tensor(self, name: str) -> np.ndarray:
        if name not in self.tensors:
            raise WrongModel(f"{self.path}: the tensor {name} is missing")
        return self.tensors[name]


def find_model(name: str) -> Path:
    """The weights file of a shipped model's name, or of a path.

    Raises:
        WrongModel: there is no such model.
    """
    if name.endswith(".safetensors"):
        return Path(name)
    found = sorted(ZOO.glob(f"{name}-*.safetensors"))
    if not found:
        shipped = sorted({path.stem.rsplit("-", 1)[0] for path in ZOO.glob("*.safetensors")})
        raise WrongModel(f"no model {name!r}; shipped: {', '.join(shipped) or 'none'}, or give a .safetensors file")
    return found[-1]


@lru_cache(maxsize=4)
def read_model(path: Path) -> ModelFile:
    """Reads and checks a weights file.

    Raises:
        WrongModel: it cannot be read, or is no model; the text names the file.
    """
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise WrongModel(f"{path}: too large for a weights file")
        content = path.read_bytes()
        tensors = load_tensors(content)
        header_bytes = int.from_bytes(content[:8], "little")
        spec = ModelSpec.from_header(content[8 : 8 + header_bytes])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise WrongModel(f"{path}: not a readable weights file: {error}") from error
    return ModelFile(path, spec, fingerprint_of(spec, tensors), tensors)


def fingerprint_of(spec: ModelSpec, tensors: dict[str, np.ndarray]) -> bytes:
    """Leading bytes of the SHA-256 over the canonical spec and the tensors in order of their names."""
    digest = hashlib.sha256(spec.to_json().encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape} ".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.digest()[:FINGERPRINT_BYTES]


def write_model(folder: Path, spec: ModelSpec, tensors: dict[str, np.ndarray], origin: str) -> Path:
    """Writes `NAME-FINGERPRINT.safetensors`, whole or not at all, and returns its path.

    Args:
        origin: one sentence on how the weights came about, kept in the header.
    """
    path = folder / f"{spec.name}-{fingerprint_of(spec, tensors).hex()}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(save_tensors(tensors, {"spec": spec.to_json(), "origin": origin}))
    os.replace(partial, path)
    return path


def load_networks(model: ModelFile) -> nn.ModuleDict:
    """The networks of a model in float32 on the CPU, in evaluation mode.

    Raises:
        WrongModel: a tensor is missing, left over or of the wrong shape; the text names it.
    """
    import torch

    from grain_codec.model.grain import build_networks

    networks = build_networks(model.spec)
    prefix = "networks."
    state = {
        name.removeprefix(prefix): torch.from_numpy(tensor.astype(np.float32) if tensor.dtype == np.float16 else tensor)
        for name, tensor in model.tensors.items()
        if name.startswith(prefix)
    }
    try:
        networks.load_state_dict(state)
    except RuntimeError as error:
        raise WrongModel(f"{model.path}: {error}") from error
    return networks.eval().requires_grad_(False)


def network_tensors(networks: nn.ModuleDict) -> dict[str, np.ndarray]:
    """The networks' state as `write_model` takes it: float16, integers as they are."""
    tensors = {}
    for name, value in networks.state_dict().items():
        array = np.ascontiguousarray(value.detach().cpu().numpy())
        tensors[f"networks.{name}"] = array.astype(np.float16) if array.dtype == np.float32 else array
    return tensors
