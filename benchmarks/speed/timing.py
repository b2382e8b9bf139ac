"""How long something takes: median and spread after a warm-up, and on which machine."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from grain_codec.benchmarks.runs.machine import peak_mebibytes, processor
from grain_codec.runtime.cores import available_cores

LEAST_RUNS = 3
MOST_RUNS = 200
COLUMNS = ("what", "batch", "median ms", "from ms", "to ms", "processor ms", "runs")


@dataclass(frozen=True)
class Row:
    """A line of the table: milliseconds for one of a batch."""

    what: str
    batch: int
    median: float
    # First and third quartile.
    low: float
    high: float
    busy: float  # Median of the time that the processor's cores spent on all threads of this process.
    runs: int

    def cells(self) -> tuple[str, ...]:
        """The cells of the row as text, in the order of COLUMNS."""
        times = (f"{value:.3f}" for value in (self.median, self.low, self.high, self.busy))
        return self.what, str(self.batch), *times, str(self.runs)


@dataclass(frozen=True)
class Stopwatch:
    """Measures calls on a device, each for about `seconds`."""

    device: torch.device
    seconds: float

    def row(self, what: str, batch: int, call: Callable[[], object]) -> Row:
        """Measures a call that does `batch` of something: at least LEAST_RUNS times, and first once to warm up."""
        self._run(call)
        runs: list[tuple[float, float]] = []
        begun = time.perf_counter()
        while len(runs) < LEAST_RUNS or (len(runs) < MOST_RUNS and time.perf_counter() - begun <= self.seconds):
            runs.append(self._run(call))
        elapsed, busy = (sorted(1000 / batch * seconds for seconds in column) for column in zip(*runs))
        quartile = (len(runs) - 1) // 4
        middle = statistics.median(elapsed)
        return Row(what, batch, middle, elapsed[quartile], elapsed[-1 - quartile], statistics.median(busy), len(runs))

    def _run(self, call: Callable[[], object]) -> tuple[float, float]:
        """Seconds of a call until the device is done, and of this process's threads."""
        started, worked = time.perf_counter(), time.process_time()
        call()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - started, time.process_time() - worked


def machine(device: torch.device) -> str:
    """The machine in words: processor, cores, how busy it is, GPU, and torch."""
    parts = [f"{processor()}, {available_cores()} cores, {torch.get_num_threads()} threads"]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    if device.type == "cuda":
        parts.append(torch.cuda.get_device_name(device))
    return "; ".join([*parts, f"torch {torch.__version__}"])


def peak_memory(device: torch.device) -> float:
    """The most MiB used so far: of the GPU by torch, or of this process."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else peak_mebibytes()


def markdown(heading: str, rows: list[Row]) -> str:
    """The rows as a table under a heading."""
    lines = [heading, "", f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in rows)]) + "\n"
