"""Folders of many files: which are converted, where the outputs lie, several processes, and what is said of it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.cli import decode, encode
from grain_codec.codec import Codec
from grain_codec.settings import EncodeSettings


def files(root: Path) -> set[str]:
    """All files of a tree."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_tree_is_mirrored(small_tree: Path, reverse: Callable, jobs: str, encoded: bytes) -> None:
    result = reverse("-r", "in", "-O", "out", "-j", jobs)
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"in/a.grain -> {os.path.join('out', 'a.png')}, 25600 bytes"
    assert lines[1] == "reverse: in/b.GRAIN: the file is damaged"
    assert lines[2].startswith("in/below/c.grain -> ")
    assert lines[3].startswith("reverse: 3 files: 2 done, 0 skipped, 1 failed; 51.2 kB -> 51.2 kB; ")
    assert files(small_tree / "out") == {"a.png", "below/c.png"}
    assert Path("out/below/c.png").read_bytes() == encoded[::-1]


def test_folders_of_faces_and_back(small_tree: Path, codec: Codec, face: np.ndarray) -> None:
    (small_tree / "in" / "a.grain").write_bytes(codec.encode(face, EncodeSettings(quality=1)))
    (small_tree / "in" / "below" / "c.grain").write_bytes(codec.encode(face, EncodeSettings(quality=1)))
    decoded = CliRunner().invoke(decode.main, ["--thumbnail", "-r", "in", "-O", "out", "-j", "2"])
    assert decoded.exit_code == 1 and "3 files: 2 done, 0 skipped, 1 failed" in decoded.output
    assert files(small_tree / "out") == {"a.png", "below/c.png"}
    assert Image.open("out/below/c.png").size == (16, 16)
    encoded = CliRunner().invoke(encode.main, ["-r", "out", "-O", "again", "--format", "png", "--align", "never"])
    assert encoded.exit_code == 0, encoded.output
    assert files(small_tree / "again") == {"a.grain.png", "below/c.grain.png"}


def test_outputs_lie_beside_their_sources(small_tree: Path, reverse: Callable) -> None:
    assert reverse("-r", "in").exit_code == 1
    assert files(small_tree / "in") == {"a.grain", "a.png", "b.GRAIN", "below/c.grain", "below/c.png", "d.txt"}


def test_folders_need_the_option(small_tree: Path, reverse: Callable) -> None:
    before = files(small_tree)
    result = reverse("in", "-O", "out")
    assert result.exit_code == 2 and "in is a folder; -r takes every .grain file in it." in result.output
    assert files(small_tree) == before


def test_carriers_in_a_folder_of_photographs_are_not_encoded(small_tree: Path) -> None:
    Image.new("RGB", (16, 16)).save("in/face.grain.png")
    result = CliRunner().invoke(encode.main, ["-r", "in"])
    assert result.exit_code == 3
    assert result.output == "grain-encode: nothing to do: no image among 5 other files\n"


def test_other_files_are_counted_for_those_who_ask(small_tree: Path, reverse: Callable) -> None:
    assert "reverse: 1 other file passed over\n" in reverse("-r", "in", "-v").output


def test_json_lines(small_tree: Path, reverse: Callable, encoded: bytes) -> None:
    (small_tree / "in" / "below" / "c.png").write_bytes(b"mine")
    result = reverse("-r", "in", "--json", "--skip-existing")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    written = (small_tree / "in" / "a.png").stat().st_size
    assert [(event["event"], event.get("status")) for event in events] == [
        ("file", "done"),
        ("file", "failed"),
        ("file", "skipped"),
        ("summary", None),
    ]
    assert (events[0]["source"], events[0]["target"]) == (os.path.join("in", "a.grain"), os.path.join("in", "a.png"))
    assert (events[0]["bytes_in"], events[0]["bytes_out"]) == (len(encoded), written)
    assert "damaged" in events[1]["error"] and "error" not in events[0]
    counted = {name: events[3][name] for name in ("done", "skipped", "failed", "bytes_in", "bytes_out", "interrupted")}
    assert counted == {
        "done": 1,
        "skipped": 1,
        "failed": 1,
        "bytes_in": len(encoded),
        "bytes_out": written,
        "interrupted": False,
    }
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("reverse: in/b.GRAIN: ")


def test_json_of_nothing_to_do(small_tree: Path, reverse: Callable) -> None:
    (small_tree / "empty").mkdir()
    result = reverse("-r", "empty", "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["done"] == 0
    result = reverse("in/a.grain", "-o", "-", "--json")
    assert result.exit_code == 2


def test_dry_run_of_a_folder(small_tree: Path, reverse: Callable) -> None:
    before = files(small_tree)
    result = reverse("-r", "in", "-O", "out", "-n", "-j", "2")
    assert result.exit_code == 0 and result.output.splitlines()[2].startswith("in/below/c.grain -> ")
    assert "3 files: 3 planned, 0 skipped, 0 failed" in result.output
    assert files(small_tree) == before and not (small_tree / "out").exists()
    result = reverse("-r", "in", "-O", "out", "-n", "--json")
    *events, summary = (json.loads(line) for line in result.stdout.splitlines())
    assert [event["status"] for event in events] == ["planned"] * 3
    assert summary["planned"] == 3 and "done" not in summary


def test_force_and_skip_existing(small_tree: Path, reverse: Callable, encoded: bytes) -> None:
    for name in ("a.png", "below/c.png"):
        (small_tree / "in" / name).write_bytes(b"mine")
    (small_tree / "in" / "b.GRAIN").unlink()
    assert reverse("-r", "in").exit_code == 1
    assert reverse("-r", "in", "--skip-existing").exit_code == 0
    assert (small_tree / "in" / "a.png").read_bytes() == b"mine"
    assert reverse("-r", "in", "--force", "--quiet").output == ""
    assert Path("in/below/c.png").read_bytes() == encoded[::-1]


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_numbers_of_processes_that_are_none(small_tree: Path, jobs: str, reverse: Callable) -> None:
    assert reverse("in/a.grain", "-j", jobs).exit_code == 2


def test_standard_streams_stay_in_the_first_process(small_tree: Path, script: Path, encoded: bytes) -> None:
    line = [sys.executable, script, "-j", "2", "-", "in/a.grain"]
    ended = subprocess.run(line, input=encoded, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == encoded[::-1] and (small_tree / "in" / "a.png").exists()


def test_progress_on_a_terminal(script: Path, many: Callable) -> None:
    source = many(100)
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
def test_names_that_are_not_utf8(small_tree: Path, reverse: Callable, encoded: bytes) -> None:
    (small_tree / "odd").mkdir()
    (small_tree / "odd" / os.fsdecode(b"Zo\xeb.grain")).write_bytes(encoded)
    result = reverse("-r", "odd", "--json", "-j", "2")
    assert result.exit_code == 0
    assert os.fsencode(json.loads(result.stdout.splitlines()[0])["target"]) == b"odd/Zo\xeb.png"
    assert os.listdir(b"odd").count(b"Zo\xeb.png") == 1
