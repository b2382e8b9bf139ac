"""How a kernel is chosen, compiled, kept and launched: cuda-python and NVRTC, both optional.

The sources lie beside this file: `NAME.cu`, with `scalar.cuh` in front. A source is compiled once for each
type of feature maps and each generation of GPU, when it is first launched, and the result stays in the
user's cache folder (`~/.cache/cuda-python`). A launch joins torch's current stream, so it may be captured
in a CUDA graph after a first call outside of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from cuda.core import Kernel, ObjectCode

SOURCES = Path(__file__).parent
SCALARS = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
"""Types of feature maps, and what the sources call them."""

LEAST_CAPABILITY = (8, 0)
"""The first GPU whose tensor cores take bfloat16 and products of depth 16."""

THREADS = 256
MOST_VECTOR = 4
"""Neighbouring values that a thread of an elementwise kernel takes where the addresses allow it."""

INSTALL = 'pip install "grain-codec[cuda]"'

_building = threading.Lock()
_switched_off = False


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel.

    Attributes:
        source: the file's name without `.cu`.
        name: the kernel's name in it.
        scalar: type of the feature maps.
        grid: blocks along x, y and z; each has THREADS threads.
        arguments: tensors, whose addresses are passed; None, passed as a null address; and numpy scalars of the
            parameters' types.
    """

    source: str
    name: str
    scalar: torch.dtype
    grid: tuple[int, int, int]
    arguments: tuple[Tensor | np.generic | None, ...]


Runner = Callable[[Launch], None]


def use_kernel(*tensors: Tensor | None) -> bool:
    """Whether an operation on these tensors goes to its kernel.

    It does on a GPU with kernels, for tensors of one type, unless someone wants a gradient or is tracing the
    reference in order to compile it.
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
    """Why the kernels do not run on a GPU of this machine; None where they do."""
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
        return f"cuda-python is not installed: {INSTALL}"
    except Exception as error:  # cuda-python raises types of its own, of no common base, for a missing or old NVRTC
        return f"NVRTC or the driver refuses them: {str(error).splitlines()[0]}"
    return None


@contextmanager
def reference_only() -> Iterator[None]:
    """Within it no kernel is used, by any thread; for comparisons."""
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
    # A thread that has only used torch's caching allocator may not have a context of the driver yet.
    Device(device.index).set_current()
    capability = torch.cuda.get_device_capability(device)
    kernel = _kernel(what.source, what.name, what.scalar, "sm_{}{}".format(*capability))
    stream = Stream.from_handle(torch.cuda.current_stream(device).cuda_stream)
    launch_kernel(stream, LaunchConfig(grid=what.grid, block=THREADS), kernel, *map(_passed, what.arguments))


def elementwise_grid(threads_per_map: int, channels: int, batch: int) -> tuple[int, int, int]:
    """A grid whose x goes over the positions of a map, y over the channels, z over the batch."""
    return -(-threads_per_map // THREADS), channels, batch


def vector_length(width: int, *tensors: Tensor) -> int:
    """How many neighbouring values a thread may take at once, or twice as many where a row becomes two as long.

    Rows of `width` values from an aligned address on keep to that alignment.
    """
    aligned = all(tensor.data_ptr() % (2 * MOST_VECTOR * tensor.element_size()) == 0 for tensor in tensors)
    return MOST_VECTOR if aligned and width % MOST_VECTOR == 0 else 1


def source_text(source: str) -> str:
    """A source as it is compiled."""
    return (SOURCES / "scalar.cuh").read_text(encoding="utf-8") + (SOURCES / f"{source}.cu").read_text(encoding="utf-8")


def compile_source(source: str, scalar: torch.dtype, architecture: str, keep: bool = True) -> ObjectCode:
    """Compiles a source to machine code, which needs NVRTC and neither a GPU nor a driver.

    Args:
        architecture: "sm_90" and the like.
        keep: whether the result is looked up and kept in the user's cache folder.
    """
    from cuda.core import Program, ProgramOptions

    options = ProgramOptions(arch=architecture, std="c++17", define_macro=("SCALAR", str(SCALARS[scalar])))
    program = Program(source_text(source), "c++", options)
    return program.compile("cubin", cache=_cache() if keep else None)


@lru_cache(maxsize=1)
def _cache() -> object | None:
    """The user's folder of compiled kernels; None where it cannot be written."""
    from cuda.core.utils import FileStreamProgramCache

    try:
        return FileStreamProgramCache()
    except OSError:
        return None


def _kernel(source: str, name: str, scalar: torch.dtype, architecture: str) -> Kernel:
    """A kernel ready to launch; compiled by one thread while the others wait for it."""
    with _building:
        return _built_kernel(source, name, scalar, architecture)


@cache
def _built_kernel(source: str, name: str, scalar: torch.dtype, architecture: str) -> Kernel:
    return _built_source(source, scalar, architecture).get_kernel(name)


@cache
def _built_source(source: str, scalar: torch.dtype, architecture: str) -> ObjectCode:
    return compile_source(source, scalar, architecture)


def _passed(argument: Tensor | np.generic | None) -> np.generic | int:
    """An argument as cuda-python takes it: a Python integer is passed as an address."""
    if argument is None:
        return 0
    return argument.data_ptr() if isinstance(argument, Tensor) else argument
