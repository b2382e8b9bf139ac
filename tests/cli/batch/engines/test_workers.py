"""Worker processes: order, what happens when one dies, and that none stays behind."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.engines.workers import JOBS_UNREPORTED, run_on_workers
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.cli.batch.tasks.model import ModelUnavailable
from grain_codec.cli.exits import RunImpossible
from grain_codec.runtime.cores import available_cores

TASKS = '''
import os, signal, time
from grain_codec.cli.batch.tasks.model import ModelUnavailable

def reverse(data, name):
    """Slow for the first job, so that later ones are done before it."""
    time.sleep(0.3 if data == b"slow" else 0)
    return Converted(data[::-1])

def die_of_poison(data, name):
    if data == b"poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return Converted(data)

def die(data, name):
    os._exit(7)

def fail(data, name):
    raise KeyError("a bug")

def lack_a_model(data, name):
    raise ModelUnavailable("nobody: no such model")

def threads(data, name):
    return Converted(os.environ["OMP_NUM_THREADS"].encode())

def sleep(data, name):
    time.sleep(60)
'''


@pytest.fixture
def converting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function_task_source: str
) -> Callable[[str], Conversion]:
    """Conversions by the functions above, by name, in a module that other processes can import."""
    (tmp_path / "tasks_of_workers.py").write_text(function_task_source + TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    import tasks_of_workers

    return lambda name: Conversion(task=tasks_of_workers.FunctionTask(getattr(tasks_of_workers, name)))


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., list[Job]]:
    """Makes input files of given contents."""

    def make(*contents: bytes) -> list[Job]:
        made = [Job(str(tmp_path / f"{i}.in"), str(tmp_path / f"{i}.out")) for i in range(len(contents))]
        for job, content in zip(made, contents):
            Path(job.source).write_bytes(content)
        return made

    return make


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    """Of the processes that a test starts, none outlives it; one that an earlier test abandoned may still be ending."""
    before = set(multiprocessing.active_children())
    yield
    assert set(multiprocessing.active_children()) <= before


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_outcomes_keep_the_order_of_the_jobs(converting: Callable, jobs: Callable) -> None:
    todo = jobs(b"slow", *(b"%d!" % i for i in range(50)))
    outcomes = list(run_on_workers(iter(todo), converting("reverse"), 2))
    assert [outcome.job for outcome in outcomes] == todo
    assert set(statuses(outcomes)) == {"done"}
    assert Path(todo[0].target).read_bytes() == b"wols" and Path(todo[42].target).read_bytes() == b"!14"


def test_no_more_jobs_are_taken_than_can_be_reported_soon(converting: Callable, jobs: Callable) -> None:
    todo = jobs(b"slow", *[b"x"] * 200)
    taken = iter(todo)
    with closing(run_on_workers(taken, converting("reverse"), 2)) as outcomes:
        next(outcomes)
        assert 200 - len(list(taken)) <= JOBS_UNREPORTED * 2


def test_a_worker_that_dies_costs_one_file(converting: Callable, jobs: Callable) -> None:
    todo = jobs(b"a", b"poison", *[b"b"] * 6, b"poison", b"c")
    outcomes = list(run_on_workers(todo, converting("die_of_poison"), 2))
    assert [index for index, status in enumerate(statuses(outcomes)) if status == "failed"] == [1, 8]
    assert outcomes[1].reason == "the worker process died (SIGKILL)"
    assert all(Path(job.target).exists() for index, job in enumerate(todo) if index not in (1, 8))


def test_workers_that_all_die_end_the_run(converting: Callable, jobs: Callable) -> None:
    with pytest.raises(RunImpossible, match=r"4 worker processes died .*\(exit code 7\)"):
        list(run_on_workers(jobs(*[b"a"] * 20), converting("die"), 2))


def test_a_model_that_cannot_be_loaded_ends_the_run(converting: Callable, jobs: Callable) -> None:
    with pytest.raises(ModelUnavailable, match="nobody: no such model"):
        list(run_on_workers(jobs(b"a", b"b"), converting("lack_a_model"), 2))


def test_a_bug_is_one_files_failure(converting: Callable, jobs: Callable) -> None:
    (outcome,) = run_on_workers(jobs(b"a"), converting("fail"), 1)
    assert (outcome.status, outcome.reason) == ("failed", "KeyError: 'a bug'")


def test_workers_share_the_cores(converting: Callable, jobs: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (todo,) = jobs(b"a")
    list(run_on_workers([todo], converting("threads"), available_cores()))
    assert Path(todo.target).read_bytes() == b"1"
    assert "OMP_NUM_THREADS" not in os.environ


def test_workers_that_are_busy_end_with_the_run(converting: Callable, jobs: Callable) -> None:
    todo = jobs(b"a", b"b")
    started = time.monotonic()
    with pytest.raises(InterruptedError):
        list(run_on_workers(_interrupted(iter(todo)), converting("sleep"), 2))
    assert time.monotonic() - started < 30
    assert not any(Path(job.target).exists() for job in todo)


def _interrupted(jobs: Iterator[Job]) -> Iterator[Job]:
    """Jobs whose source breaks off."""
    yield next(jobs)
    raise InterruptedError
