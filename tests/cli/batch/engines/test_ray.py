"""The Ray engine: every file once, though a worker is lost on the way; a clear line without Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grain_codec.errors import install_command

POISONED = '''
import os, signal

def reverse(data, name):
    """Dies the first time that it meets poison."""
    if data.startswith(b"poison"):
        try:
            os.close(os.open(f"{name}.died", os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    return Converted(data[::-1])
'''


@pytest.mark.slow
def test_a_lost_worker_costs_no_file_and_none_is_counted_twice(tmp_path: Path, script_of: Callable) -> None:
    pytest.importorskip("ray")
    (tmp_path / "in" / "below").mkdir(parents=True)
    contents = {f"{'below/' * (i % 2)}{i:02}": b"poison%d" % i if i == 24 else b"face%d" % i for i in range(40)}
    for name, content in contents.items():
        (tmp_path / "in" / f"{name}.grain").write_bytes(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "02.png").write_bytes(b"mine")

    line = [sys.executable, script_of(POISONED), "-r", "in", "-O", "out", "--engine", "ray", "-j", "2", "--json"]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    events = [json.loads(text) for text in ended.stdout.splitlines()]
    assert ended.returncode == 1, ended.stderr
    assert (tmp_path / "in" / "24.grain.died").exists()
    assert (events[-1]["done"], events[-1]["failed"]) == (39, 1)
    sources = [event["source"] for event in events[:-1]]
    assert sources == sorted(sources, key=lambda source: ("below" in source, source)) and len(set(sources)) == 40
    assert events[1]["error"] == "out/02.png exists; --force overwrites it"
    written = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    assert {name.removesuffix(".png"): path.read_bytes()[::-1] for name, path in written.items()} == contents | {
        "02": b"mine"[::-1]
    }


SLOW = """
import time

def reverse(data, name):
    time.sleep(0.1)
    return Converted(data[::-1])
"""


@pytest.mark.slow
def test_what_was_done_before_an_interruption_is_counted(tmp_path: Path, script_of: Callable) -> None:
    """All but what a worker was writing at that time, and nothing that is not on disk."""
    pytest.importorskip("ray")
    (tmp_path / "in").mkdir()
    for number in range(600):
        (tmp_path / "in" / f"{number:03}.grain").write_bytes(b"face")
    line = [sys.executable, script_of(SLOW), "-r", "in", "-O", "out", "--engine", "ray", "-j", "2", "--json"]
    process = subprocess.Popen(
        line,
        cwd=tmp_path,
        start_new_session=True,
        # Tests that run in the background of a shell have inherited that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while len(list(tmp_path.glob("out/*.png"))) < 12:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 130, errors
    *events, summary = (json.loads(text) for text in output.splitlines())
    written = {path.stem for path in tmp_path.glob("out/*.png")}
    counted = {Path(event["source"]).stem for event in events}
    assert summary["interrupted"] and summary["done"] == len(events) == len(counted)
    assert counted <= written and len(written - counted) <= 2 and len(written) < 600


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.grain").write_bytes(b"face")
    code = "import sys; sys.modules['ray'] = None; from grain_codec.cli.decode import main; main()"
    line = [sys.executable, "-c", code, "-r", str(tmp_path), "--engine", "ray"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"grain-decode: --engine ray needs Ray: {install_command('ray')}\n"
