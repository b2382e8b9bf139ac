"""Chooses, compiles, caches and launches kernels, with cuda-python and NVRTC; both are optional.

The sources lie beside this file as `NAME.cu`; `scalar.cuh` is put in front of each. A source is compiled when it is
first launched with a type of feature maps on a generation of GPU, and the result is kept in the user's cache folder
(`~/.cache/cuda-python`). A launch joins torch's current stream, so a CUDA graph can capture it; the first call has to
run outside of the graph.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from grain_codec.errors import install_command

if TYPE_CHECKING:
    from cuda.core import Kernel, ObjectCode

SOURCES = Path(__file__).parent
SCALARS = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
"""Types of feature maps, and their numbers in the sources."""

LEAST_CAPABILITY = (8, 0)  # Compute capability of the first GPUs whose tensor cores multiply bfloat16 at depth 16.
THREADS = 256
MOST_VECTOR = 4  # Neighbouring values that a thread of an elementwise kernel computes where the addresses allow it.

_building = threading.Lock()
_switched_off = False


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel."""

    source: str  # The file's name without `.cu`.
    name: str  # The kernel's name in it.
    scalar: torch.dtype  # Type of the feature maps.
    grid: tuple[int, int, int]  # Blocks along x, y and z; each has THREADS threads.
    # Tensors are passed by address, and None as a null address; numpy scalars have the parameters' types.
    arguments: tuple[Tensor | np.generic[Any] | None, ...]


Runner = Callable[[Launch], None]  # Runs a launch: `launch`, or an emulation in the tests.


def use_kernel(*tensors: Tensor | None) -> bool:
    """Tells whether an operation on these tensors uses its kernel.

    It does for tensors of one type on a GPU that runs the kernels, unless a gradient is needed or torch is compiling
    the reference.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    first = given[0]
    if not first.is_cuda or _switched_off or torch.compiler.is_compiling():
        return False
    if first.dtype.is_floating_point and first.dtype not in SCALARS:
        return False
    if any(tensor.dtype != first.dtype or tensor.device != first.device or not tensor.numel() for tensor in given):
        return False
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        return False
    return reason_unavailable(first.device.index) is None


@lru_cache(maxsize=16)
def reason_unavailable(device: int = 0) -> str | None:
    """Why the kernels do not run on this GPU; None where they do."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA device"
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        return "compute capability {}.{} is below the kernels' {}.{}".format(*capability, *LEAST_CAPABILITY)
    try:
        from cuda.core import Device

        Device(device).set_current()
        _kernel("haar", "inverse_haar_1", torch.float16, "sm_{}{}".format(*capability))
    except ImportError:
        return f"cuda-python is not installed: {install_command('cuda')}"
    except Exception as error:  # For a missing or old NVRTC cuda-python raises types without a common base.
        return f"NVRTC or the driver refuses them: {str(error).splitlines()[0]}"
    return None


@contextmanager
def reference_only() -> Iterator[None]:
    """A context in which no thread uses a kernel; for comparisons."""
    global _switched_off
    before, _switched_off = _switched_off, True
    try:
        yield
    finally:
        _switched_off = before


def launch(what: Launch) -> None:
    """Launches a kernel on the current stream of its tensors' GPU."""
    from cuda.core import Device, LaunchConfig, Stream
    from cuda.core import launch as launch_kernel

    device = next(argument.device for argument in what.arguments if isinstance(argument, Tensor))
    # A thread that has used only torch's caching allocator may lack a context of the driver.
    Device(device.index).set_current()
    capability = torch.cuda.get_device_capability(device)
    kernel = _kernel(what.source, what.name, what.scalar, "sm_{}{}".format(*capability))
    stream = Stream.from_handle(torch.cuda.current_stream(device).cuda_stream)
    launch_kernel(stream, LaunchConfig(grid=what.grid, block=THREADS), kernel, *map(_passed, what.arguments))


def elementwise_grid(threads_per_map: int, channels: int, batch: int) -> tuple[int, int, int]:
    """A grid whose x counts the positions of a map, y the channels, and z the pictures of a batch."""
    return -(-threads_per_map // THREADS), channels, batch


def vector_length(width: int, *tensors: Tensor) -> int:
    """How many neighbouring values a thread may read at once, MOST_VECTOR or 1.

    With MOST_VECTOR, every row of `width` values starts at an address at which even twice as many values are aligned.
    """
    aligned = all(tensor.data_ptr() % (2 * MOST_VECTOR * tensor.element_size()) == 0 for tensor in tensors)
    return MOST_VECTOR if aligned and width % MOST_VECTOR == 0 else 1


def source_text(source: str) -> str:
    """The full text of a source as it is compiled."""
    return (SOURCES / "scalar.cuh").read_text(encoding="utf-8") + (SOURCES / f"{source}.cu").read_text(encoding="utf-8")


def compile_source(source: str, scalar: torch.dtype, architecture: str, keep: bool = True) -> ObjectCode:
    """Compiles a source to machine code, which needs NVRTC and neither a GPU nor a driver.

    Args:
        architecture: "sm_90" and the like.
        keep: whether to look the result up, and to keep it, in the user's cache folder.
    """
    from cuda.core import Program, ProgramOptions

    options = ProgramOptions(arch=architecture, std="c++17", define_macro=("SCALAR", str(SCALARS[scalar])))
    program = Program(source_text(source), "c++", options)
    return program.compile("cubin", cache=_cache() if keep else None)


@lru_cache(maxsize=1)
def _cache() -> Any:
    """The user's cache of compiled kernels; None where its folder cannot be written."""
    from cuda.core.utils import FileStreamProgramCache

    try:
        return FileStreamProgramCache()
    except OSError:
        return None


@cache
def _object_code(source: str, scalar: torch.dtype, architecture: str) -> ObjectCode:
    return compile_source(source, scalar, architecture)


@cache
def _get_kernel(source: str, name: str, scalar: torch.dtype, architecture: str) -> Kernel:
    return _object_code(source, scalar, architecture).get_kernel(name)


def _kernel(source: str, name: str, scalar: torch.dtype, architecture: str) -> Kernel:
    """A kernel that is ready to launch; one thread compiles it while others wait."""
    with _building:
        return _get_kernel(source, name, scalar, architecture)


def _passed(argument: Tensor | np.generic[Any] | None) -> np.generic[Any] | int:
    """An argument as cuda-python takes it, which passes a Python integer as an address."""
    if argument is None:
        return 0
    return argument.data_ptr() if isinstance(argument, Tensor) else argument
