"""Objects in a store as inputs and outputs, tried on the store that fsspec keeps in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.files.folders import is_encoded
from grain_codec.cli.batch.files.inputs import UnusablePath, check_source, read_source
from grain_codec.cli.batch.files.outputs import OutputExists, write_target
from grain_codec.cli.batch.files.urls import is_url, without_file_scheme
from grain_codec.cli.batch.job import Job
from grain_codec.cli.batch.names import decoded_name
from grain_codec.cli.batch.plan import Naming, Outputs, plan_jobs
from grain_codec.cli.batch.tasks.task import Converted
from grain_codec.cli.exits import RunImpossible
from grain_codec.cli.options import BatchOptions

fsspec = pytest.importorskip("fsspec")

NAMING = Naming(".grain file", is_encoded, decoded_name)


@pytest.fixture(autouse=True)
def store() -> Iterator[fsspec.AbstractFileSystem]:
    """The store, with a tree of two inputs."""
    store = fsspec.filesystem("memory")
    store.pipe({"/in/a.grain": b"one", "/in/below/b.grain": b"two", "/in/notes.txt": b"?"})
    yield store
    store.rm("/", recursive=True)


@pytest.fixture
def reversing(function_task: type) -> Callable[..., Conversion]:
    """Makes conversions that reverse bytes."""
    task = function_task(lambda data, name: Converted(data[::-1]))
    return lambda **options: Conversion(task, BatchOptions(**options), make_folders=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://bucket/a.grain", True), ("memory://a", True), ("a.grain", False), ("C://a", False), ("/a://b", False)],
)
def test_what_is_a_url(path: str, expected: bool) -> None:
    assert is_url(path) is expected


def test_urls_of_local_files_are_their_paths() -> None:
    assert without_file_scheme("file:///tmp/a.grain") == "/tmp/a.grain"
    assert list(plan_jobs(["file:///tmp/a.grain"], Outputs(folder="file:///out"), NAMING)) == [
        Job("/tmp/a.grain", "/out/a.png")
    ]


def test_a_tree_in_a_store_is_mirrored(store: fsspec.AbstractFileSystem, reversing: Callable) -> None:
    plan = plan_jobs(["memory://in"], Outputs(folder="memory://out"), NAMING, recursive=True)
    assert list(plan) == [
        Job("memory://in/a.grain", "memory://out/a.png"),
        Job("memory://in/below/b.grain", "memory://out/below/b.png"),
    ]
    outcomes = [reversing()(job) for job in plan]
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [("done", ""), ("done", "")]
    assert store.cat("/out/below/b.png") == b"owt" and plan.passed_over == 1


def test_from_a_store_to_files(tmp_path: Path, reversing: Callable) -> None:
    for job in plan_jobs(["memory://in"], Outputs(folder=str(tmp_path / "out")), NAMING, recursive=True):
        assert reversing()(job).status == "done"
    assert (tmp_path / "out" / "below" / "b.png").read_bytes() == b"owt"


def test_existing_objects_stay_without_force(store: fsspec.AbstractFileSystem, reversing: Callable) -> None:
    job = Job("memory://in/a.grain", "memory://in/below/b.grain")
    assert reversing()(job).status == "failed"
    assert reversing(skip_existing=True)(job).status == "skipped"
    with pytest.raises(OutputExists):
        write_target(job.target, b"new", force=False)
    assert store.cat("/in/below/b.grain") == b"two"
    assert reversing(force=True)(job).status == "done" and store.cat("/in/below/b.grain") == b"eno"


def test_missing_objects_and_unknown_stores(reversing: Callable) -> None:
    outcome = reversing()(Job("memory://missing.grain", "memory://x.png"))
    assert (outcome.status, outcome.reason) == ("failed", "No such file or directory")
    with pytest.raises(RunImpossible, match="nowhere"):
        check_source("nowhere://a.grain")


class Unhappy(Exception):
    """An error of a kind that only a store knows."""


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), OSError("no route"), Unhappy("?")]
)
def test_errors_of_any_kind_name_the_url_and_the_reason(
    store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch, error: Exception, reversing: Callable
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    for name in ("info", "isdir", "walk", "pipe_file"):
        monkeypatch.setattr(type(store), name, fail)
    with pytest.raises(RunImpossible, match=r"memory://in: .*(refused|no route|Unhappy)"):
        plan_jobs(["memory://in"], Outputs(folder="out"), NAMING, recursive=True)
    outcome = reversing()(Job("memory://in/a.grain", "x.png"))
    assert (outcome.status, outcome.blamed) == ("failed", "memory://in/a.grain") and outcome.reason
    with pytest.raises(OSError, match="memory://x.png") as raised:
        write_target("memory://x.png", b"face", force=True)
    assert raised.value.strerror


def test_giants_are_no_sources(store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grain_codec.cli.batch.files.inputs.MOST_INPUT_BYTES", 2)
    with pytest.raises(UnusablePath, match="3 bytes are more"):
        check_source("memory://in/a.grain")


def test_objects_of_unknown_size_are_read_to_the_bound(
    store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(store), "info", lambda self, path, **options: {"name": path, "size": None, "type": "file"})
    assert read_source("memory://in/a.grain") == b"one"
    monkeypatch.setattr("grain_codec.cli.batch.files.inputs.MOST_INPUT_BYTES", 2)
    with pytest.raises(UnusablePath, match="more than 2 bytes"):
        read_source("memory://in/a.grain")


@pytest.mark.parametrize(("url", "package"), [("s3://bucket/a.grain", "s3fs"), ("gs://bucket/a.grain", "gcsfs")])
def test_the_package_that_a_store_needs_is_named(monkeypatch: pytest.MonkeyPatch, url: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    reason = f"^{url}: such URLs need {package}: pip install {package}$"
    with pytest.raises(RunImpossible, match=reason):
        read_source(url)
    with pytest.raises(RunImpossible, match=reason):
        plan_jobs([url], Outputs(folder="out"), NAMING)
