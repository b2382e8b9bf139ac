"""Machines without a GPU are not sent several GB for GPUs, and none waits for an index that does not answer."""

from __future__ import annotations

import http.server
import importlib.util
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The program, as a module."""
    spec = importlib.util.spec_from_file_location("cpu_torch_index", ROOT / "tools" / "cpu_torch_index.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class OnlyTorch(http.server.BaseHTTPRequestHandler):
    """An index that has torch and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/torch/" else 404)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    """The address of an index on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OnlyTorch) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_linux_without_a_gpu_takes_the_build_for_cpus(tool: ModuleType, index: str):
    assert tool.options(index, "linux", ()) == ["--extra-index-url", index]


def test_a_gpu_and_other_systems_take_what_pypi_has(tool: ModuleType, index: str, tmp_path: Path):
    assert tool.options(index, "linux", (str(tmp_path),)) == []
    assert tool.options(index, "darwin", ()) == []


def test_an_index_without_torch_or_without_an_answer_is_left_out_at_once(tool: ModuleType, index: str):
    started = time.monotonic()
    assert tool.options(f"{index}/nothing", "linux", ()) == []
    assert tool.options("http://127.0.0.1:1", "linux", ()) == []
    assert time.monotonic() - started < tool.PATIENCE


def test_the_pinned_release_is_preferred_as_a_build_for_cpus():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    (pinned,) = [Requirement(line) for line in lines if line.startswith("torch==")]
    (release,) = [Version(each.version) for each in pinned.specifier]
    build = Version(f"{release}+cpu")
    assert pinned.specifier.contains(build) and build > release
