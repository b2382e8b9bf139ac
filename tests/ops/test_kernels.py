"""How kernels are chosen and compiled."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from grain_codec.ops.kernels import SOURCES, reason_unavailable, use_kernel

COMPILE = """
import sys, torch
from grain_codec.ops.kernels import SCALARS, compile_source
for source in sys.argv[2:]:
    for scalar in SCALARS:
        code = compile_source(source, scalar, sys.argv[1], keep=False)
        assert code.code[:4] == b"\\x7fELF"
print("compiled", len(sys.argv[2:]))
"""


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_every_source_compiles_without_a_gpu(architecture: str) -> None:
    """It runs in a process of its own, so that a missing driver cannot hang the tests."""
    pytest.importorskip("cuda.core")
    pytest.importorskip("cuda.bindings.nvrtc")
    sources = [path.stem for path in sorted(SOURCES.glob("*.cu"))]
    command = [sys.executable, "-c", COMPILE, architecture, *sources]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["compiled", str(len(sources))]


def test_the_reference_runs_without_a_gpu() -> None:
    assert not use_kernel(torch.zeros(1))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_says_why_there_are_no_kernels() -> None:
    assert reason_unavailable() == "torch finds no CUDA device"
