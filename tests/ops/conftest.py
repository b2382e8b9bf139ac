"""Runs kernels on the CPU: g++ compiles their sources together with a small emulation of CUDA."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from grain_codec.ops.kernels import SCALARS, THREADS, Launch, Runner, launch, reason_unavailable, source_text

STAND_IN = Path(__file__).parent / "emulated_cuda.h"
INSTRUCTIONS = {
    r'asm\("cvt\.f32\.f16 .*?;\s*$': "y = float_of_half(x);",
    r'asm\("cvt\.rn\.f16\.f32 .*?;\s*$': "y = half_of_float(x);",
    r'asm\("cvt\.rn\.bf16\.f32 .*?;\s*$': "y = bfloat16_of_float(x);",
    r'asm volatile\("mma\.sync\.aligned\.m16n8k16\.row\.col.*?\)\);\s*$': "emulated_product(d, a, b, to_float);",
}
"""C++ statements that do what the PTX instructions of the sources do."""

C_TYPES = {np.int32: (ctypes.c_int32, "i"), np.int64: (ctypes.c_int64, "l"), np.float32: (ctypes.c_float, "f")}


@dataclass(frozen=True)
class Place:
    """Where a kernel is tested: what runs it, and the device of its tensors."""

    run: Runner
    device: str

    def random(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Normally distributed values; the same shape always gives the same ones."""
        generator = torch.Generator().manual_seed(sum(shape))
        return torch.randn(shape, generator=generator).to(self.device, dtype)


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def place(request: pytest.FixtureRequest) -> Place:
    """The CPU, and then the GPU where there is one."""
    if request.param == "emulated":
        return Place(request.getfixturevalue("emulator"), "cpu")
    if reason := reason_unavailable():
        pytest.skip(reason)
    return Place(launch, "cuda")


@pytest.fixture(params=SCALARS, ids=lambda dtype: str(dtype).removeprefix("torch."))
def scalar(request: pytest.FixtureRequest) -> torch.dtype:
    """A type of feature maps."""
    return request.param


def translated(source: str) -> str:
    """A source as C++ for the CPU, with an entry point for each kernel."""
    text = source_text(source)
    for instruction, statement in INSTRUCTIONS.items():
        text = re.sub(instruction, statement, text, flags=re.MULTILINE | re.DOTALL)
    assert "asm" not in text
    kernels = re.findall(r"__global__ void (?:__launch_bounds__\(\w+\)\s+)?(\w+)\(", text)
    for name in kernels:
        text += f'extern "C" void* run_{name} = (void*)&Emulated<&{name}>::run;\n'
        types = f"static auto types = Emulated<&{name}>::types(); return types.c_str();"
        text += f'extern "C" const char* types_{name}() {{ {types} }}\n'
    return f'#include "{STAND_IN}"\n{text}'


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs launches on the CPU, and checks first that the arguments have the parameters' types."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("kernels")

    @cache
    def library(source: str, scalar: torch.dtype) -> ctypes.CDLL:
        path = folder / f"{source}-{SCALARS[scalar]}.so"
        command = ["g++", "-x", "c++", "-", "-std=c++17", "-O1", "-w", "-ffp-contract=off", "-shared", "-fPIC"]
        command += [f"-DSCALAR={SCALARS[scalar]}", "-o", str(path)]
        subprocess.run(command, input=translated(source), text=True, check=True)
        return ctypes.CDLL(str(path))

    def run(launch: Launch) -> None:
        kernels = library(launch.source, launch.scalar)
        passed, types = zip(*map(passed_as, launch.arguments))
        types_of = getattr(kernels, f"types_{launch.name}")
        types_of.restype = ctypes.c_char_p
        assert types_of().decode() == "".join(types)
        kernels.set_grid(*launch.grid, THREADS)
        entry = ctypes.c_void_p.in_dll(kernels, f"run_{launch.name}").value
        ctypes.CFUNCTYPE(None, *map(type, passed))(entry)(*passed)

    return run


def passed_as(argument: torch.Tensor | np.generic | None) -> tuple[ctypes._SimpleCData, str]:
    """An argument for ctypes, and the letter of its type."""
    if argument is None or isinstance(argument, torch.Tensor):
        assert argument is None or argument.is_contiguous()
        return ctypes.c_void_p(None if argument is None else argument.data_ptr()), "p"
    c_type, letter = C_TYPES[type(argument)]
    return c_type(argument.item()), letter
