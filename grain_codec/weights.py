"""Weights files: safetensors with the model's spec in the header, named after the SHA-256 of their content.

Reading a model's integer tables needs numpy alone; only `load_networks` imports torch.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from platformdirs import user_data_path
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file as save_tensors

from grain_codec.errors import WrongModel
from grain_codec.models.family import Coder
from grain_codec.models.registry import FAMILIES, family_of, read_spec
from grain_codec.models.spec import Spec
from grain_codec.whole_files import whole_file

if TYPE_CHECKING:
    from torch import nn

    from grain_codec.models.networks import ReciprocalNetworks

ZOO = Path(__file__).parent / "zoo"
MODELS_VARIABLE = "GRAIN_MODELS"
"""Environment variable that names the folder of the user's weights files, instead of the usual one."""

FINGERPRINT_BYTES = 3
MOST_FILE_BYTES = 1 << 29  # Bound on the size of a weights file; the published model takes 330 MB in float32.

MOST_HEADER_BYTES = 1 << 20
"""Bound on the header of a weights file, which names the tensors; the published model needs a fifth of it."""

NETWORKS = "networks."  # How the names of the networks' tensors begin.

_DRAWING = ("networks.prior.", "networks.fusion.")


@dataclass(frozen=True)
class ModelFile:
    """The checked content of a weights file."""

    path: Path  # Where it was read.
    spec: Spec  # The geometry of its networks.
    origin: str  # A sentence on how the weights came about.
    tensors: dict[str, npt.NDArray[Any]]  # By name; `networks.*` for the networks, `tables.*` for the integer tables.

    @cached_property
    def fingerprint(self) -> bytes:
        """Fingerprint of the whole file, which is named after it."""
        return fingerprint_of(self.spec, self.tensors)

    @cached_property
    def coding_fingerprint(self) -> bytes:
        """Fingerprint of what gives encoded faces their meaning: all but prior and fusion. Every face carries it.

        Weights that only draw better from the same symbols share it with their predecessors, and read their files.
        """
        tensors = {name: tensor for name, tensor in self.tensors.items() if not name.startswith(_DRAWING)}
        return fingerprint_of(self.spec.of_files(), tensors)

    @property
    def modules(self) -> set[str]:
        """Names of the modules that the file has tensors of."""
        names = (name.removeprefix(NETWORKS) for name in self.tensors if name.startswith(NETWORKS))
        return {name.partition(".")[0] for name in names}

    def check_fingerprint(self, fingerprint: bytes) -> None:
        """Raises WrongModel for a face that was encoded with weights of another `coding_fingerprint`."""
        if fingerprint != self.coding_fingerprint:
            ours = f"{self.spec.name} has {self.coding_fingerprint.hex()}"
            raise WrongModel(f"encoded with the weights {fingerprint.hex()}, and {ours}")

    def coder(self) -> Coder[Any]:
        """The coder between symbols and bytes, without torch. Raises WrongModel where a table is not usable."""
        try:
            return family_of(self.spec).coder(self.spec, self.tensors)
        except WrongModel as error:
            raise WrongModel(f"{self.path}: {error}") from error


def user_folder() -> Path:
    """The folder that imported models are kept in: that of GRAIN_MODELS, or the user's data folder."""
    if os.environ.get(MODELS_VARIABLE):
        return Path(os.environ[MODELS_VARIABLE])
    return user_data_path("grain-codec", appauthor=False) / "models"


def find_model(name: str) -> Path:
    """The weights file of a path or of a model's name, shipped or in the user's folder, and the newest of several.

    Raises WrongModel where there is none; the text says how to get the published one.
    """
    if name.endswith(".safetensors"):
        return Path(name)
    for folder in (ZOO, user_folder()):
        found = [path for path in folder.glob("*.safetensors") if path.stem.rpartition("-")[0] == name]
        if found:
            return max(found, key=lambda path: (path.stat().st_mtime, path.name))
    if name in FAMILIES and FAMILIES[name].without_weights:
        raise WrongModel(f"no weights of {name} in {folder}; {FAMILIES[name].without_weights}")
    shipped = sorted({path.stem.rpartition("-")[0] for path in ZOO.glob("*.safetensors")})
    raise WrongModel(f"no model {name!r}; shipped: {', '.join(shipped) or 'none'}, or give a .safetensors file")


@lru_cache(maxsize=4)
def read_model(path: Path) -> ModelFile:
    """Reads and checks a weights file. Raises WrongModel, naming the file, where it cannot be read or is no model."""
    try:
        _check_sizes(path)
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            if "spec" not in header:
                raise WrongModel(f"{path}: carries no spec of a grain-codec model")
            spec = read_spec(header["spec"])
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except WrongModel as error:
        raise WrongModel(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except (OSError, SafetensorError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise WrongModel(f"{path}: not a readable weights file: {error}") from error
    return ModelFile(path, spec, header.get("origin", ""), tensors)


def _check_sizes(path: Path) -> None:
    """Raises WrongModel, before they are read, for files and headers that are larger than any of ours."""
    if path.stat().st_size > MOST_FILE_BYTES:
        raise WrongModel(f"{path}: too large for a weights file")
    with open(path, "rb") as file:
        if int.from_bytes(file.read(8), "little") > MOST_HEADER_BYTES:
            raise WrongModel(f"{path}: its header is too large for that of a weights file")


def fingerprint_of(spec: Spec, tensors: dict[str, npt.NDArray[Any]]) -> bytes:
    """Leading bytes of the SHA-256 over the canonical spec and the tensors in order of their names, little-endian."""
    digest = hashlib.sha256(spec.to_json().encode())
    for name in sorted(tensors):
        tensor = tensors[name].astype(tensors[name].dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape} ".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.digest()[:FINGERPRINT_BYTES]


def write_model(folder: Path, spec: Spec, tensors: dict[str, npt.NDArray[Any]], origin: str) -> Path:
    """Writes `NAME-FINGERPRINT.safetensors` and returns its path; `origin` says in a sentence how the weights came
    about.
    """
    path = folder / f"{spec.name}-{fingerprint_of(spec, tensors).hex()}.safetensors"
    write_file(path, spec, tensors, origin)
    return path


def write_file(path: Path, spec: Spec, tensors: dict[str, npt.NDArray[Any]], origin: str) -> None:
    """Writes a weights file under any name, whole or not at all, and makes its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path, force=True) as temporary:
            save_tensors(tensors, temporary, {"spec": spec.to_json(), "origin": origin})
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def load_networks(model: ModelFile) -> ReciprocalNetworks:
    """The networks of a model in float32 on the CPU, in evaluation mode. Raises WrongModel for missing or wrong
    tensors.
    """
    import torch

    from grain_codec.models.tensor_files import check_tensors

    family = family_of(model.spec)
    state = {
        name.removeprefix(NETWORKS): tensor.astype(np.float32) if tensor.dtype == np.float16 else tensor
        for name, tensor in model.tensors.items()
        if name.startswith(NETWORKS)
    }
    if "rescaling" not in model.modules:
        raise WrongModel(f"{model.path}: has no rescaling module, so nothing can be encoded or decoded with it")
    # Shapes alone take no memory: a file gets no more of it than it has brought tensors for.
    with torch.device("meta"):
        blueprint = family.build_networks(model.spec, model.modules).state_dict()
    check_tensors(state, blueprint, str(model.path))
    networks = family.build_networks(model.spec, model.modules)
    networks.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in state.items()})
    return networks.eval().requires_grad_(False)


def network_tensors(networks: nn.ModuleDict) -> dict[str, npt.NDArray[Any]]:
    """The networks' state as `write_model` takes it: float16, integers as they are."""
    tensors = {}
    for name, value in networks.state_dict().items():
        array = value.detach().cpu().contiguous().numpy()
        tensors[f"{NETWORKS}{name}"] = array.astype(np.float16) if array.dtype == np.float32 else array
    return tensors
