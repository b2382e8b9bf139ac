"""The pool of worker processes: results, errors, processes that die, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from grain_codec.runtime.worker_pool import MOST_LOSSES, PoolBroken, WorkerDied, WorkerPool, in_order


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    raise ValueError(f"{number} is refused")


def die_at(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def threads_allowed() -> str:
    return os.environ["OMP_NUM_THREADS"]


def process_number() -> int:
    return os.getpid()


def write_until_ended(path: Path) -> None:
    path.write_text("begun")
    try:
        time.sleep(60)
    finally:
        path.unlink()


def test_results_come_in_the_order_of_the_items() -> None:
    with WorkerPool(2) as pool:
        found = [(item, future.result()) for item, future in in_order(pool, square, range(20), window=4)]
    assert found == [(number, number * number) for number in range(20)]


def test_an_error_is_the_functions_own() -> None:
    with WorkerPool(1) as pool:
        with pytest.raises(ValueError, match="7 is refused"):
            pool.submit(refuse, 7).result()
        assert pool.submit(square, 7).result() == 49


def test_a_function_that_cannot_be_sent_fails_alone() -> None:
    with WorkerPool(1) as pool:
        with pytest.raises(Exception, match="pickle|local object"):
            pool.submit(lambda: 1).result()
        assert pool.submit(square, 2).result() == 4


def test_a_result_that_cannot_be_sent_fails_alone() -> None:
    with WorkerPool(1) as pool:
        with pytest.raises(RuntimeError, match="cannot be sent"):
            pool.submit(threading.Lock).result()
        assert pool.submit(square, 2).result() == 4


def test_only_the_function_of_a_dead_process_fails() -> None:
    with WorkerPool(2) as pool:
        futures = [pool.submit(die_at, number) for number in range(8)]
        with pytest.raises(WorkerDied, match="SIGKILL"):
            futures[3].result()
        assert [future.result() for number, future in enumerate(futures) if number != 3] == [0, 1, 2, 4, 5, 6, 7]


def test_the_pool_gives_up_when_all_processes_die() -> None:
    with WorkerPool(1) as pool:
        futures = [pool.submit(die_at, 3) for _ in range(MOST_LOSSES + 3)]
        with pytest.raises(PoolBroken, match="died one after another"):
            futures[-1].result()
        with pytest.raises(WorkerDied):
            futures[0].result()


def test_the_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with WorkerPool(1, threads_each=3) as pool:
        assert pool.submit(threads_allowed).result() == "2"
    monkeypatch.delenv("OMP_NUM_THREADS")
    with WorkerPool(1, threads_each=3) as pool:
        assert pool.submit(threads_allowed).result() == "3"
    assert "OMP_NUM_THREADS" not in os.environ


def test_one_process_serves_many_functions() -> None:
    with WorkerPool(1) as pool:
        assert len({pool.submit(process_number).result() for _ in range(5)}) == 1


def test_an_error_here_interrupts_what_is_running_and_lets_it_tidy_up(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WorkerPool(1) as pool:
        running, waiting = pool.submit(write_until_ended, tmp_path / "part"), pool.submit(square, 1)
        while not (tmp_path / "part").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    assert isinstance(running.exception(), WorkerDied)
    with pytest.raises(CancelledError):
        waiting.result()


def test_no_more_items_are_taken_than_the_window_holds() -> None:
    taken, release = [], threading.Event()

    def items() -> object:
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as executor:
        results = in_order(executor, lambda number: release.wait(10) and number, items(), window=5)
        release.set()
        assert next(results)[0] == 0
        assert len(taken) == 5
