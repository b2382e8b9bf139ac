"""What may be overwritten, and outputs that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from grain_codec import whole_files
from grain_codec.cli.batch.files.outputs import OutputExists, check_target, write_target


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links."""

    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_target(str(tmp_path / "face.grain"), b"face", force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "face.grain").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["face.grain"]


def test_a_file_that_is_replaced_leaves_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(b"private")
    (tmp_path / "face.png").chmod(0o600)
    write_target(str(tmp_path / "face.png"), b"new", force=True)
    assert stat.S_IMODE((tmp_path / "face.png").stat().st_mode) == 0o600


def test_a_name_that_cannot_be_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        check_target(str(tmp_path / ("x" * 300)), force=True)


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
    real = whole_files._umask

    def create_and_go_on() -> int:
        target.write_bytes(b"theirs")
        return real()

    monkeypatch.setattr(whole_files, "_umask", create_and_go_on)


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
