"""Temporary files: gone when their writer ends in order, removed by a later run when it was killed, never earlier."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from grain_codec.whole_files import PREFIX, SUFFIX, remove_abandoned, whole_file, write_whole

WRITER = """
import os, sys, time
from grain_codec import whole_files
def stall(temporary, path):
    print("written", flush=True)
    time.sleep(60)
whole_files._move_to_free_name = stall
whole_files.write_whole(sys.argv[1], b"face", force=False)
"""
"""Writes a file and stops right before it would be moved into place."""


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that has a temporary file in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "face.grain")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "written\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def temporaries(folder: Path) -> list[Path]:
    """The temporary files in a folder."""
    return [path for path in folder.iterdir() if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX)]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    assert len(temporaries(tmp_path)) == 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(temporaries(tmp_path)) == 1 and not (tmp_path / "face.grain").exists()
    assert remove_abandoned(str(tmp_path), before=time.time() + 1) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_writer_has_is_left_alone(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    assert remove_abandoned(str(tmp_path), before=time.time() + 1) == 0
    assert len(temporaries(tmp_path)) == 1


def test_only_older_temporary_files_are_removed(tmp_path: Path) -> None:
    now = time.time()
    ages = {f"{PREFIX}old{SUFFIX}": 10, f"{PREFIX}new{SUFFIX}": -10, "mine.part": 10, f"{PREFIX}x": 10}
    for name, age in ages.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / f"{PREFIX}folder{SUFFIX}").mkdir()
    assert remove_abandoned(str(tmp_path), before=now) == 1
    assert not (tmp_path / f"{PREFIX}old{SUFFIX}").exists() and len(list(tmp_path.iterdir())) == 4


def test_a_missing_folder_needs_no_tidying(tmp_path: Path) -> None:
    assert remove_abandoned(str(tmp_path / "missing"), before=time.time()) == 0


def test_a_file_size_limit_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from grain_codec.whole_files import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_whole(sys.argv[1], bytes(5000), force=True)\n"
        "except OSError as error: print(error.strerror)\n"
    )
    target = tmp_path / "face.grain"
    target.write_bytes(b"old")
    ended = subprocess.run([sys.executable, "-c", script, target], capture_output=True, text=True, check=True)
    assert ended.stdout == "File too large\n"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        write_whole(str(tmp_path / "small"), bytes(100), force=False)
        with pytest.raises(OSError, match="No space left"):
            write_whole(str(tmp_path / "large"), bytes(100_000), force=False)
        assert [path.name for path in tmp_path.iterdir()] == ["small"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    write_whole(str(tmp_path / ("x" * 255)), b"face", force=False)
    with pytest.raises(OSError, match="too long"):
        write_whole(str(tmp_path / ("x" * 256)), b"face", force=False)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_at_any_line_leaves_no_temporary_file(tmp_path: Path, number: int) -> None:
    class Interrupted(BaseException):
        pass

    def interrupted(*_: object) -> None:
        raise Interrupted

    path, before = tmp_path / "face.grain", signal.signal(number, interrupted)
    try:
        interruptions = whole = 0
        while not whole:
            countdown = iter(range(interruptions))

            def interrupt_once(frame: FrameType, event: str, _: object, countdown: Iterator[int] = countdown) -> object:
                if event == "line" and next(countdown, None) is None:
                    sys.settrace(None)
                    signal.raise_signal(number)
                return interrupt_once

            sys.settrace(interrupt_once)
            try:
                write_whole(str(path), b"face", force=True)
                whole = sys.gettrace() is not None
            except Interrupted:
                interruptions += 1
            finally:
                sys.settrace(None)
            assert temporaries(tmp_path) == []
            assert not path.exists() or path.read_bytes() == b"face"
    finally:
        signal.signal(number, before)
    assert interruptions > 50


def test_a_library_writes_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with whole_file(path, force=False, durable=True) as temporary:
        Path(temporary).write_bytes(b"new")
        assert not path.exists()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"new"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), whole_file(path, force=True) as temporary:
        Path(temporary).write_bytes(b"new")
        raise ZeroDivisionError
    with pytest.raises(FileExistsError), whole_file(path, force=False) as temporary:
        Path(temporary).write_bytes(b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
