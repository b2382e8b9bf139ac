"""Output names, what is refused before any work, and files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from grain_codec.cli import paths
from grain_codec.cli.paths import (
    Job,
    OutputExists,
    UnusablePath,
    check_target,
    decoded_name,
    encoded_name,
    plan_jobs,
    read_source,
    write_target,
)


def to_grain(name: str) -> str:
    """The naming of grain-encode."""
    return encoded_name(name, ".grain")


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links."""

    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("face.jpg", ".grain", "face.grain"),
        ("face.jpg", ".grain.png", "face.grain.png"),
        ("face", ".grain", "face.grain"),
        ("my.holiday.jpeg", ".grain", "my.holiday.grain"),
        (".hidden", ".grain", ".hidden.grain"),
    ],
)
def test_encoded_names(name: str, suffix: str, expected: str) -> None:
    assert encoded_name(name, suffix) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("face.grain", "face.png"),
        ("face.grain.png", "face.png"),
        ("FACE.GRAIN.PNG", "FACE.png"),
        ("face.bin", "face.png"),
        ("face", "face.png"),
        (".grain", ".grain.png"),
    ],
)
def test_decoded_names(name: str, expected: str) -> None:
    assert decoded_name(name) == expected


def test_targets_lie_beside_their_sources() -> None:
    jobs = plan_jobs(["a/face.jpg", "other.png"], None, None, to_grain)
    assert jobs == [Job("a/face.jpg", os.path.join("a", "face.grain")), Job("other.png", "other.grain")]


def test_output_names_the_only_target() -> None:
    assert plan_jobs(["face.jpg"], "b/x.grain", None, to_grain) == [Job("face.jpg", "b/x.grain")]


def test_output_folder_takes_all_targets() -> None:
    jobs = plan_jobs(["a/face.jpg", "b/other.jpg"], None, "out", to_grain)
    assert [job.target for job in jobs] == [os.path.join("out", "face.grain"), os.path.join("out", "other.grain")]


@pytest.mark.parametrize(
    ("sources", "output", "output_dir", "text"),
    [
        (["a.jpg"], "x", "out", "-o names one file and -O a folder"),
        (["a.jpg", "b.jpg"], "x", None, "-O DIR for several"),
        (["-", "-"], None, None, "only once"),
        (["-"], None, "out", "no name"),
        (["face.jpg", "face.png"], None, None, r"face\.jpg and face\.png would both be written to face\.grain"),
        (["a/face.jpg", "b/face.jpg"], None, "out", "would both be written"),
        (["face.jpg", "./face.jpg"], None, None, "would both be written"),
        (["face.grain"], None, None, r"face\.grain is an input"),
        (["face.jpg"], "./face.jpg", None, "is an input"),
        (["face.jpg", "face.grain"], None, None, "is an input"),
    ],
)
def test_refused_before_any_work(sources: list[str], output: str | None, output_dir: str | None, text: str) -> None:
    with pytest.raises(click.UsageError, match=text):
        plan_jobs(sources, output, output_dir, to_grain)


@pytest.mark.parametrize("join", [os.link, os.symlink])
def test_an_input_is_known_under_its_other_names(tmp_path: Path, join: Callable[[Path, Path], None]) -> None:
    source, other = tmp_path / "face.jpg", tmp_path / "other.grain"
    source.write_bytes(b"face")
    join(source, other)
    with pytest.raises(click.UsageError, match="is an input"):
        plan_jobs([str(source)], str(other), None, to_grain)


class Terminal(io.BytesIO):
    """A standard stream that leads to a person."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("source", "output", "text"), [("-", "x", "input is a terminal"), ("a.jpg", "-", "output is a terminal")]
)
def test_terminals_are_refused(monkeypatch: pytest.MonkeyPatch, source: str, output: str, text: str) -> None:
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(Terminal()))
    with pytest.raises(click.UsageError, match=text):
        plan_jobs([source], output, None, to_grain)


def test_folders_and_giants_are_no_sources(tmp_path: Path) -> None:
    with pytest.raises(UnusablePath, match="folder"):
        read_source(str(tmp_path))
    giant = tmp_path / "giant"
    with giant.open("wb") as file:
        file.truncate(paths.MOST_INPUT_BYTES + 1)
    with pytest.raises(UnusablePath, match="more than any picture"):
        read_source(str(giant))
    with pytest.raises(FileNotFoundError):
        read_source(str(tmp_path / "missing"))


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_target(str(tmp_path / "face.grain"), b"face", force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "face.grain").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["face.grain"]


def test_existing_files_stay_without_force(tmp_path: Path) -> None:
    target = tmp_path / "face.grain"
    target.write_bytes(b"old")
    for attempt in (lambda: check_target(str(target), False), lambda: write_target(str(target), b"new", False)):
        with pytest.raises(OutputExists, match="--force"):
            attempt()
    assert target.read_bytes() == b"old"
    write_target(str(target), b"new", force=True)
    assert target.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def appears_meanwhile(monkeypatch: pytest.MonkeyPatch, target: Path) -> None:
    """Lets another program create the target between the check and the end of writing."""
    real = paths._umask

    def create_and_go_on() -> int:
        target.write_bytes(b"theirs")
        return real()

    monkeypatch.setattr(paths, "_umask", create_and_go_on)


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "face.grain"
    appears_meanwhile(monkeypatch, target)
    with pytest.raises(OutputExists):
        write_target(str(target), b"ours", force=False)
    assert target.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_links: None) -> None:
    write_target(str(tmp_path / "new"), b"face", force=False)
    assert (tmp_path / "new").read_bytes() == b"face"
    target = tmp_path / "face.grain"
    appears_meanwhile(monkeypatch, target)
    with pytest.raises(OutputExists):
        write_target(str(target), b"ours", force=False)
    assert target.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device"), ValueError()])
def test_nothing_is_left_of_a_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    (tmp_path / "face.grain").write_bytes(b"old")
    with pytest.raises(type(failure)) as raised:
        write_target(str(tmp_path / "face.grain"), b"new", force=True)
    if isinstance(failure, OSError):
        assert raised.value.filename == str(tmp_path / "face.grain")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_missing_folder_names_the_target(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        write_target(str(tmp_path / "no" / "face.grain"), b"face", force=False)
    assert raised.value.filename == str(tmp_path / "no" / "face.grain")


def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_target(str(tmp_path / "link"), b"face", force=False)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"face"
    with pytest.raises(OutputExists):
        write_target(str(tmp_path / "link"), b"more", force=False)


def test_devices_are_written_to_and_not_replaced() -> None:
    write_target(os.devnull, b"face", force=True)
    write_target(os.devnull, b"face", force=False)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
