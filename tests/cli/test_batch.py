"""Folders of many files: whole files whatever happens, resumption, several processes, and what is said of it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.cli import decode, encode
from grain_codec.cli.whole_files import PREFIX
from grain_codec.codec import Codec

COMMAND = '''
import sys, time
import click
from grain_codec.cli.batch import orderly_exit, run_and_exit
from grain_codec.cli.folders import is_encoded
from grain_codec.cli.options import BatchOptions, batch_options, output_options
from grain_codec.cli.paths import decoded_name
from grain_codec.cli.planning import Naming, plan_jobs
from grain_codec.cli.tasks import Converted
from grain_codec.errors import Corrupt

def reverse(data, name):
    time.sleep(0.005)
    if data == b"damaged":
        raise Corrupt("the file is damaged")
    return Converted(data[::-1])

@click.command()
@output_options("--output-file")
@batch_options
@orderly_exit("reverse")
def main(inputs, output_file, output_dir, **batch):
    options = BatchOptions(**batch)
    naming = Naming(".grain file", is_encoded, decoded_name)
    plan = plan_jobs(inputs, output_file, output_dir, naming, options.recursive)
    run_and_exit("reverse", plan, output_dir, reverse, options)

if __name__ == "__main__":
    main()
'''
"""A command like grain-decode, whose decoding takes no time, so that it can be tried on many files."""

ENCODED = bytes(range(256)) * 100


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command above as a file."""
    path = tmp_path_factory.mktemp("script") / "reversing.py"
    path.write_text(COMMAND)
    return path


@pytest.fixture
def reverse(script: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command in this process."""
    monkeypatch.syspath_prepend(script.parent)
    import reversing

    return lambda *arguments: CliRunner().invoke(reversing.main, [*arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a tree "in" of three files, one of them damaged, and something else."""
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name, data in (("a.grain", ENCODED), ("b.GRAIN", b"damaged"), ("below/c.grain", ENCODED), ("d.txt", b"?")):
        (tmp_path / "in" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(root: Path) -> set[str]:
    """All files of a tree."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def many(folder: Path, count: int) -> Path:
    """A folder of equal files."""
    made = folder / "many"
    made.mkdir()
    for i in range(count):
        (made / f"{i:05}.grain").write_bytes(ENCODED)
    return made


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_tree_is_mirrored(folder: Path, reverse: Callable, jobs: str) -> None:
    result = reverse("-r", "in", "-O", "out", "-j", jobs)
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"in/a.grain -> {os.path.join('out', 'a.png')}, 25600 bytes"
    assert lines[1] == "reverse: in/b.GRAIN: the file is damaged"
    assert lines[2].startswith("in/below/c.grain -> ")
    assert lines[3].startswith("reverse: 3 files: 2 done, 0 skipped, 1 failed; 51.2 kB -> 51.2 kB; ")
    assert files(folder / "out") == {"a.png", "below/c.png"}
    assert Path("out/below/c.png").read_bytes() == ENCODED[::-1]


def test_folders_of_faces_and_back(folder: Path, codec: Codec, face: np.ndarray) -> None:
    (folder / "in" / "a.grain").write_bytes(codec.encode_face(face, 1))
    (folder / "in" / "below" / "c.grain").write_bytes(codec.encode_face(face, 1))
    decoded = CliRunner().invoke(decode.main, ["--thumbnail", "-r", "in", "-O", "out", "-j", "2"])
    assert decoded.exit_code == 1 and "3 files: 2 done, 0 skipped, 1 failed" in decoded.output
    assert files(folder / "out") == {"a.png", "below/c.png"}
    assert Image.open("out/below/c.png").size == (16, 16)
    encoded = CliRunner().invoke(encode.main, ["-r", "out", "-O", "again", "--format", "png"])
    assert encoded.exit_code == 0, encoded.output
    assert files(folder / "again") == {"a.grain.png", "below/c.grain.png"}


def test_outputs_lie_beside_their_sources(folder: Path, reverse: Callable) -> None:
    assert reverse("-r", "in").exit_code == 1
    assert files(folder / "in") == {"a.grain", "a.png", "b.GRAIN", "below/c.grain", "below/c.png", "d.txt"}


def test_folders_need_the_option(folder: Path, reverse: Callable) -> None:
    before = files(folder)
    result = reverse("in", "-O", "out")
    assert result.exit_code == 2 and "in is a folder; -r takes every .grain file in it." in result.output
    assert files(folder) == before


def test_carriers_in_a_folder_of_photographs_are_not_encoded(folder: Path) -> None:
    Image.new("RGB", (16, 16)).save("in/face.grain.png")
    result = CliRunner().invoke(encode.main, ["-r", "in"])
    assert result.exit_code == 3
    assert result.output == "grain-encode: nothing to do: no image among 5 other files\n"


def test_other_files_are_counted_for_those_who_ask(folder: Path, reverse: Callable) -> None:
    assert "reverse: 1 other file passed over\n" in reverse("-r", "in", "-v").output


def test_json_lines(folder: Path, reverse: Callable) -> None:
    (folder / "in" / "below" / "c.png").write_bytes(b"mine")
    result = reverse("-r", "in", "--json", "--skip-existing")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    written = (folder / "in" / "a.png").stat().st_size
    assert [(event["event"], event.get("status")) for event in events] == [
        ("file", "done"),
        ("file", "failed"),
        ("file", "skipped"),
        ("summary", None),
    ]
    assert (events[0]["source"], events[0]["target"]) == (os.path.join("in", "a.grain"), os.path.join("in", "a.png"))
    assert (events[0]["bytes_in"], events[0]["bytes_out"]) == (len(ENCODED), written)
    assert "damaged" in events[1]["error"] and "error" not in events[0]
    counted = {name: events[3][name] for name in ("done", "skipped", "failed", "bytes_in", "bytes_out", "interrupted")}
    assert counted == {
        "done": 1,
        "skipped": 1,
        "failed": 1,
        "bytes_in": len(ENCODED),
        "bytes_out": written,
        "interrupted": False,
    }
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("reverse: in/b.GRAIN: ")


def test_json_of_nothing_to_do(folder: Path, reverse: Callable) -> None:
    (folder / "empty").mkdir()
    result = reverse("-r", "empty", "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["done"] == 0
    result = reverse("in/a.grain", "-o", "-", "--json")
    assert result.exit_code == 2


def test_dry_run_of_a_folder(folder: Path, reverse: Callable) -> None:
    before = files(folder)
    result = reverse("-r", "in", "-O", "out", "-n", "-j", "2")
    assert result.exit_code == 0 and result.output.splitlines()[2].startswith("in/below/c.grain -> ")
    assert files(folder) == before and not (folder / "out").exists()


def test_force_and_skip_existing(folder: Path, reverse: Callable) -> None:
    for name in ("a.png", "below/c.png"):
        (folder / "in" / name).write_bytes(b"mine")
    (folder / "in" / "b.GRAIN").unlink()
    assert reverse("-r", "in").exit_code == 1
    assert reverse("-r", "in", "--skip-existing").exit_code == 3
    assert (folder / "in" / "a.png").read_bytes() == b"mine"
    assert reverse("-r", "in", "--force", "--quiet").output == ""
    assert Path("in/below/c.png").read_bytes() == ENCODED[::-1]


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_numbers_of_processes_that_are_none(folder: Path, jobs: str, reverse: Callable) -> None:
    assert reverse("in/a.grain", "-j", jobs).exit_code == 2


def test_standard_streams_stay_in_the_first_process(folder: Path, script: Path) -> None:
    line = [sys.executable, script, "-j", "2", "-", "in/a.grain"]
    ended = subprocess.run(line, input=ENCODED, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ENCODED[::-1] and (folder / "in" / "a.png").exists()


def assert_whole(folder: Path, most: int) -> int:
    """Refuses anything but .grain files and whole pictures; the number of pictures."""
    names = files(folder)
    pictures = {name for name in names if name.endswith(".png")}
    assert not {name for name in names - pictures if not name.endswith(".grain")}
    assert len(pictures) <= most and len({(folder / name).read_bytes() for name in pictures}) <= 1
    return len(pictures)


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits a while for something that another process does."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def started(folder: Path, script: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts grain-decode in a process group of its own, and waits until it has written a few pictures."""
    processes = []

    def start(source: Path, *arguments: str) -> subprocess.Popen:
        processes.append(
            subprocess.Popen(
                [sys.executable, script, "-r", source, *arguments],
                start_new_session=True,
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
def test_killed_and_started_again(folder: Path, started: Callable, jobs: str, reverse: Callable) -> None:
    source = many(folder, 400)
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
def test_interrupted(folder: Path, started: Callable, jobs: str, number: int, code: int) -> None:
    source = many(folder, 1500)
    process = started(source, "--json", "-j", jobs)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    wait_until(lambda: group_is_gone(process))
    summary = json.loads(output.splitlines()[-1])
    # Workers may have finished files that could not be reported any more.
    assert summary["interrupted"] and summary["done"] <= assert_whole(source, 1499)


def test_two_runs_on_one_folder(folder: Path, script: Path) -> None:
    source = many(folder, 200)
    line = [sys.executable, script, "-r", source, "--skip-existing", "--json"]
    runs = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [run.communicate() for run in runs]
    assert [errors for _, errors in ended] == ["", ""]
    assert sum(json.loads(output.splitlines()[-1])["done"] for output, _ in ended) == 200
    assert assert_whole(source, 200) == 200


def test_progress_on_a_terminal(folder: Path, script: Path) -> None:
    source = many(folder, 100)
    (source / "00050.grain").write_bytes(b"damaged")
    primary, secondary = pty.openpty()
    line = [sys.executable, script, "-r", source]
    process = subprocess.Popen(line, stderr=secondary, env={**os.environ, "TERM": "xterm"})
    os.close(secondary)
    shown = b""
    try:
        while piece := os.read(primary, 4096):
            shown += piece
    except OSError:  # Linux says so at the end
        pass
    os.close(primary)
    assert process.wait() == 1
    texts = [text.strip() for text in shown.decode().replace("\n", "\r").split("\r")]
    progress = [text for text in texts if " left" in text]
    assert progress and all("/100 files, " in text and "/s, " in text for text in progress)
    assert len([text for text in texts if text.startswith("reverse: ")]) == 2
    assert not any(" -> " in text and "files: " not in text for text in texts)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8(folder: Path, reverse: Callable) -> None:
    (folder / "odd").mkdir()
    (folder / "odd" / os.fsdecode(b"Zo\xeb.grain")).write_bytes(ENCODED)
    result = reverse("-r", "odd", "--json", "-j", "2")
    assert result.exit_code == 0
    assert os.fsencode(json.loads(result.stdout.splitlines()[0])["target"]) == b"odd/Zo\xeb.png"
    assert os.listdir(b"odd").count(b"Zo\xeb.png") == 1


def test_names_without_room_for_the_suffix(folder: Path) -> None:
    (folder / "long").mkdir()
    longest = "x" * 251 + ".jpg"
    (folder / "long" / longest).touch()
    (folder / "long" / "y.jpg").touch()
    result = CliRunner().invoke(encode.main, ["-r", "long", "y" * 300 + ".jpg"])
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"grain-encode: long/{'x' * 251}.grain: File name too long"
    assert lines[1].startswith("grain-encode: long/y.jpg: ")
    assert lines[2].endswith(".jpg: File name too long") or lines[2].endswith(".grain: File name too long")


def test_a_folder_where_nothing_may_be_written(folder: Path, reverse: Callable) -> None:
    (folder / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder / "out"]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if os.getuid() == 0 and not mounted:
        pytest.skip("root may write everywhere, and nothing can be mounted here")
    if not mounted:
        (folder / "out").chmod(0o555)
    try:
        result = reverse("in/a.grain", "in/below/c.grain", "-O", "out")
    finally:
        if mounted:
            subprocess.run(["umount", folder / "out"], check=True)
    assert result.exit_code == 1
    reason = "Read-only file system" if mounted else "Permission denied"
    assert result.output.splitlines()[0] == f"reverse: {os.path.join('out', 'a.png')}: {reason}"


def test_a_disk_that_fills_up(folder: Path, reverse: Callable) -> None:
    source = many(folder, 40)
    (folder / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder / "out"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        result = reverse("-r", str(source), "-O", "out", "--json")
        summary = json.loads(result.stdout.splitlines()[-1])
        assert result.exit_code == 1 and summary["done"] and summary["failed"]
        assert "No space left on device" in result.stderr
        assert assert_whole(folder / "out", 39) == summary["done"]
    finally:
        subprocess.run(["umount", folder / "out"], check=True)


def test_a_limit_on_file_sizes(folder: Path, script: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    code = f"{limited}import sys; sys.path.insert(0, {str(script.parent)!r}); from reversing import main; main()"
    line = [sys.executable, "-c", code, "-r", "in", "-O", "out"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == f"reverse: {os.path.join('out', 'a.png')}: File too large"
    assert files(folder / "out") == set()


def test_files_and_folders_that_may_not_be_read_or_written(folder: Path, script: Path) -> None:
    for name, mode in (("in/a.grain", 0), ("closed", 0), ("out/below", 0o555)):
        if not (folder / name).exists():
            (folder / name).mkdir(parents=True)
        (folder / name).chmod(mode)
    for path in (script.parent, folder, folder.parent, folder.parent.parent):
        path.chmod(path.stat().st_mode | 0o055)
    (folder / "out").chmod(0o777)
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
        (folder / name).chmod(0o700)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[:4] == [
        "reverse: closed: Permission denied",
        "reverse: in/a.grain: Permission denied",
        "reverse: in/b.GRAIN: the file is damaged",
        "reverse: out/below/c.png: Permission denied",
    ]
    assert "4 files: 0 done, 0 skipped, 4 failed" in ended.stderr and files(folder / "out") == set()
