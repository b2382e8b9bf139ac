"""Which file becomes which, and what is refused before any work."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from grain_codec.cli.batch import collisions
from grain_codec.cli.batch.files.folders import is_photograph
from grain_codec.cli.batch.job import Job
from grain_codec.cli.batch.names import encoded_name
from grain_codec.cli.batch.plan import Naming, Outputs, plan_jobs

TO_GRAIN = Naming("image", is_photograph, lambda name: encoded_name(name, ".grain"))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder "photos" that has a folder in it."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for name in ("ben.JPG", "anna.png", "notes.txt", "old.grain", "more/carl.webp"):
        (tmp_path / "photos" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(*inputs: str, output_dir: str | None = None) -> list[tuple[str, str]]:
    """Sources and targets of a plan with -r, as POSIX paths."""
    plan = plan_jobs(inputs, Outputs(folder=output_dir), TO_GRAIN, recursive=True)
    return [(Path(job.source).as_posix(), Path(job.target).as_posix()) for job in plan]


def test_targets_lie_beside_their_sources() -> None:
    jobs = plan_jobs(["a/face.jpg", "other.png"], Outputs(), TO_GRAIN)
    assert list(jobs) == [Job("a/face.jpg", os.path.join("a", "face.grain")), Job("other.png", "other.grain")]


def test_output_names_the_only_target() -> None:
    assert list(plan_jobs(["face.jpg"], Outputs("b/x.grain"), TO_GRAIN)) == [Job("face.jpg", "b/x.grain")]


def test_output_folder_takes_all_targets() -> None:
    jobs = plan_jobs(["a/face.jpg", "b/other.jpg"], Outputs(folder="out"), TO_GRAIN)
    assert [job.target for job in jobs] == [os.path.join("out", "face.grain"), os.path.join("out", "other.grain")]


def test_folders_are_converted_in_place(tree: Path) -> None:
    assert pairs("photos") == [
        ("photos/anna.png", "photos/anna.grain"),
        ("photos/ben.JPG", "photos/ben.grain"),
        ("photos/more/carl.webp", "photos/more/carl.grain"),
    ]


@pytest.mark.parametrize("spelling", ["photos", "photos/", "./photos", "photos/../photos"])
def test_folders_are_mirrored_under_the_output_folder(tree: Path, spelling: str) -> None:
    targets = [target for _, target in pairs(spelling, output_dir="out")]
    assert targets == ["out/anna.grain", "out/ben.grain", "out/more/carl.grain"]


def test_a_plan_knows_its_size(tree: Path) -> None:
    (tree / "single.jpg").touch()
    plan = plan_jobs(["single.jpg", "photos"], Outputs(), TO_GRAIN, recursive=True)
    assert (len(plan), plan.passed_over, plan.unlisted) == (4, 2, [])
    assert list(plan) == list(plan)


def test_a_plan_of_many_files_is_small(tmp_path: Path) -> None:
    for i in range(3000):
        (tmp_path / f"portrait_{i:04}.jpg").touch()
    tracemalloc.start()
    plan = plan_jobs([str(tmp_path)], Outputs(), TO_GRAIN, recursive=True)
    # Whatever else the process does meanwhile, imports included, is no part of a plan.
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/cli/*")])
    tracemalloc.stop()
    held = sum(trace.size for trace in ours.traces)
    assert len(plan) == 3000 and 3000 * 20 < held < 3000 * 150


def test_wildcards_that_the_shell_left(tree: Path) -> None:
    assert pairs("photos/*.png", "photos/**/c*") == [
        ("photos/anna.png", "photos/anna.grain"),
        ("photos/more/carl.webp", "photos/more/carl.grain"),
    ]
    assert pairs("nothing/*.jpg") == [("nothing/*.jpg", "nothing/*.grain")]
    with pytest.raises(click.UsageError, match="-O DIR for several"):
        plan_jobs(["photos/*.*"], Outputs("one.grain"), TO_GRAIN)


def test_a_file_with_wildcards_in_its_name_is_that_file(tree: Path) -> None:
    (tree / "face[12].jpg").touch()
    (tree / "face1.jpg").touch()
    assert pairs("face[12].jpg") == [("face[12].jpg", "face[12].grain")]


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
        ([os.curdir], None, None, r"\. is a folder; -r takes every image in it"),
        (["*"], None, None, r"is a folder; -r"),
    ],
)
def test_refused_before_any_work(
    tree: Path, sources: list[str], output: str | None, output_dir: str | None, text: str
) -> None:
    with pytest.raises(click.UsageError, match=text):
        plan_jobs(sources, Outputs(output, output_dir), TO_GRAIN)


def test_a_folder_has_no_single_output(tree: Path) -> None:
    with pytest.raises(click.UsageError, match="-O DIR"):
        plan_jobs(["photos"], Outputs("one.grain"), TO_GRAIN, recursive=True)


def test_two_images_of_a_folder_with_one_output(tree: Path) -> None:
    (tree / "photos" / "more" / "carl.jpg").touch()
    with pytest.raises(click.UsageError, match=r"carl\.jpg and .*carl\.webp would both be written to .*carl\.grain"):
        pairs("photos")


def test_two_trees_with_one_output(tree: Path) -> None:
    (tree / "others" / "more").mkdir(parents=True)
    (tree / "others" / "more" / "carl.jpg").touch()
    assert len(pairs("photos", "others")) == 4
    with pytest.raises(click.UsageError, match="would both be written"):
        pairs("photos", "others", output_dir="out")


@pytest.mark.parametrize("join", [os.link, os.symlink])
def test_an_input_is_known_under_its_other_names(tmp_path: Path, join: Callable[[Path, Path], None]) -> None:
    source, other = tmp_path / "face.jpg", tmp_path / "other.grain"
    source.write_bytes(b"face")
    join(source, other)
    with pytest.raises(click.UsageError, match="is an input"):
        plan_jobs([str(source)], Outputs(str(other)), TO_GRAIN)


def test_an_output_folder_is_known_under_its_other_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    jobs = [Job("a.jpg", str(tmp_path / "real" / "x.grain")), Job("b.jpg", str(tmp_path / "link" / "x.grain"))]
    with pytest.raises(click.UsageError, match=r"a\.jpg and b\.jpg would both be written"):
        collisions.refuse_collisions(jobs)


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    jobs = [Job("Face.JPG", str(tmp_path / "Face.grain")), Job("face.jpg", str(tmp_path / "face.grain"))]
    collisions.refuse_collisions(jobs, ignores_case=lambda folder: False)
    with pytest.raises(click.UsageError, match=r"Face\.JPG and face\.jpg would both be written to .*face\.grain"):
        collisions.refuse_collisions(jobs, ignores_case=lambda folder: folder == str(tmp_path))
    collisions.refuse_collisions(jobs[:1], ignores_case=lambda folder: True)


@pytest.mark.skipif(sys.platform != "linux", reason="the usual file systems of other systems ignore case")
def test_usual_folders_distinguish_case(tmp_path: Path) -> None:
    assert not collisions.ignores_case(str(tmp_path / "to" / "be" / "made"))
    assert list(tmp_path.iterdir()) == []


def test_folders_that_ignore_case(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "casefold", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system that ignores case can be mounted here")
    try:
        (tmp_path / "folder").mkdir()
        subprocess.run(["chattr", "+F", tmp_path / "folder"], check=True)
        assert collisions.ignores_case(str(tmp_path / "folder"))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


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
        plan_jobs([source], Outputs(output), TO_GRAIN)


def test_closed_streams_matter_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, None)
    for source, output in (("-", "x"), ("a.jpg", "-")):
        with pytest.raises(click.UsageError, match="is closed"):
            plan_jobs([source], Outputs(output), TO_GRAIN)
    assert len(plan_jobs(["a.jpg"], Outputs("x"), TO_GRAIN)) == 1
