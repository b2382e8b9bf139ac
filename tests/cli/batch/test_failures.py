"""Folders of many files when something goes wrong: whole files whatever happens, resumption, one line a failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grain_codec.cli import encode
from grain_codec.whole_files import PREFIX


def files_below(folder: Path) -> list[Path]:
    """What a tree holds besides folders."""
    return [path for path in folder.rglob("*") if not path.is_dir()]


def assert_whole(folder: Path, most: int) -> int:
    """Refuses anything but .grain files and whole pictures; the number of pictures."""
    paths = files_below(folder)
    pictures = [path for path in paths if path.suffix == ".png"]
    assert not {path.suffix for path in paths} - {".png", ".grain"}
    assert len(pictures) <= most and len({path.read_bytes() for path in pictures}) <= 1
    return len(pictures)


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits a while for something that another process does."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def started(small_tree: Path, script: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the command in a process group of its own, and waits until it has written a few pictures."""
    processes = []

    def start(source: Path, *arguments: str) -> subprocess.Popen:
        processes.append(
            subprocess.Popen(
                [sys.executable, script, "-r", source, *arguments],
                start_new_session=True,
                # Tests that run in the background of a shell have inherited that interrupts are ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        wait_until(lambda: len(list(source.glob("*.png"))) > 5)
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def group_is_gone(process: subprocess.Popen) -> bool:
    """Whether no process of a group lives."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_and_started_again(started: Callable, jobs: str, reverse: Callable, many: Callable) -> None:
    source = many(400)
    process = started(source, "--quiet", "-j", jobs)
    process.kill()
    process.wait()
    wait_until(lambda: group_is_gone(process))
    leftover = source / f"{PREFIX}left.part"
    leftover.write_bytes(b"half a pic")
    os.utime(leftover, (time.time() - 5, time.time() - 5))
    assert len(list(source.glob("*.png"))) < 400
    result = reverse("-r", str(source), "--skip-existing", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert assert_whole(source, 400) == 400


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(started: Callable, jobs: str, number: int, code: int, many: Callable) -> None:
    source = many(1500)
    process = started(source, "--json", "-j", jobs)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    wait_until(lambda: group_is_gone(process))
    summary = json.loads(output.splitlines()[-1])
    # Workers may have finished files that could not be reported any more.
    assert summary["interrupted"] and summary["done"] <= assert_whole(source, 1499)


def test_two_runs_on_one_folder(script: Path, many: Callable) -> None:
    source = many(200)
    line = [sys.executable, script, "-r", source, "--skip-existing", "--json"]
    runs = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [run.communicate() for run in runs]
    assert [errors for _, errors in ended] == ["", ""]
    assert sum(json.loads(output.splitlines()[-1])["done"] for output, _ in ended) == 200
    assert assert_whole(source, 200) == 200


def test_names_without_room_for_the_suffix(small_tree: Path) -> None:
    (small_tree / "long").mkdir()
    longest = "x" * 251 + ".jpg"
    (small_tree / "long" / longest).touch()
    (small_tree / "long" / "y.jpg").touch()
    result = CliRunner().invoke(encode.main, ["-r", "long", "y" * 300 + ".jpg"])
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"grain-encode: long/{'x' * 251}.grain: File name too long"
    assert lines[1].startswith("grain-encode: long/y.jpg: ")
    assert lines[2].endswith(".jpg: File name too long") or lines[2].endswith(".grain: File name too long")


def test_a_folder_where_nothing_may_be_written(small_tree: Path, reverse: Callable) -> None:
    (small_tree / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", small_tree / "out"]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if os.getuid() == 0 and not mounted:
        pytest.skip("root may write everywhere, and nothing can be mounted here")
    if not mounted:
        (small_tree / "out").chmod(0o555)
    try:
        result = reverse("in/a.grain", "in/below/c.grain", "-O", "out")
    finally:
        if mounted:
            subprocess.run(["umount", small_tree / "out"], check=True)
    assert result.exit_code == 1
    reason = "Read-only file system" if mounted else "Permission denied"
    assert result.output.splitlines()[0] == f"reverse: {os.path.join('out', 'a.png')}: {reason}"


def test_a_disk_that_fills_up(small_tree: Path, reverse: Callable, many: Callable) -> None:
    source = many(40)
    (small_tree / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small_tree / "out"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        result = reverse("-r", str(source), "-O", "out", "--json")
        summary = json.loads(result.stdout.splitlines()[-1])
        assert result.exit_code == 1 and summary["done"] and summary["failed"]
        assert "No space left on device" in result.stderr
        assert assert_whole(small_tree / "out", 39) == summary["done"]
    finally:
        subprocess.run(["umount", small_tree / "out"], check=True)


def test_a_limit_on_file_sizes(small_tree: Path, script: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    code = f"{limited}import sys; sys.path.insert(0, {str(script.parent)!r}); from reversing import main; main()"
    line = [sys.executable, "-c", code, "-r", "in", "-O", "out"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == f"reverse: {os.path.join('out', 'a.png')}: File too large"
    assert not files_below(small_tree / "out")


def test_files_and_folders_that_may_not_be_read_or_written(small_tree: Path, script: Path) -> None:
    for name, mode in (("in/a.grain", 0), ("closed", 0), ("out/below", 0o555)):
        if not (small_tree / name).exists():
            (small_tree / name).mkdir(parents=True)
        (small_tree / name).chmod(mode)
    for path in (script.parent, small_tree, small_tree.parent, small_tree.parent.parent):
        path.chmod(path.stat().st_mode | 0o055)
    (small_tree / "out").chmod(0o777)
    code = (
        f"import os, sys; sys.path.insert(0, {str(script.parent)!r}); import reversing\n"
        "from click.testing import CliRunner\n"
        "CliRunner().invoke(reversing.main, ['-r', 'in', '-O', 'first'])  # imports what may be in a folder of root\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)  # root may do everything\n"
        "reversing.main()"
    )
    line = [sys.executable, "-c", code, "-r", "in", "closed", "-O", "out"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    for name in ("in/a.grain", "closed"):
        (small_tree / name).chmod(0o700)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[:4] == [
        "reverse: closed: Permission denied",
        "reverse: in/a.grain: Permission denied",
        "reverse: in/b.GRAIN: the file is damaged",
        "reverse: out/below/c.png: Permission denied",
    ]
    assert "4 files: 0 done, 0 skipped, 4 failed" in ended.stderr and not files_below(small_tree / "out")
