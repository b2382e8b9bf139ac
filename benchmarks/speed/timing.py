"""How long something takes: median and spread after a warm-up, and on which machine."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from grain_codec.benchmarks.runs.processor import processor

LEAST_RUNS = 3
MOST_RUNS = 200


@dataclass(frozen=True)
class Timing:
    """Seconds of each run by the clock, sorted, and of all the process's threads together."""

    runs: tuple[float, ...]
    busy: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile."""
        return self.runs[(len(self.runs) - 1) // 4], self.runs[-1 - (len(self.runs) - 1) // 4]


@dataclass(frozen=True)
class Row:
    """A line of a table: milliseconds for one of a batch.

    Attributes:
        low, high: quartiles.
        busy: median of the processor time of this process.
    """

    what: str
    batch: int
    median: float
    low: float
    high: float
    busy: float
    runs: int

    def cells(self) -> tuple[str, ...]:
        """As text."""
        times = (f"{value:.3f}" for value in (self.median, self.low, self.high, self.busy))
        return self.what, str(self.batch), *times, str(self.runs)


def row_of(what: str, batch: int, timing: Timing) -> Row:
    """The line of a call that did `batch` of something."""
    low, high = timing.spread
    scale = 1000 / batch
    busy = statistics.median(timing.busy)
    return Row(what, batch, timing.median * scale, low * scale, high * scale, busy * scale, len(timing.runs))


def measure(call: Callable[[], object], device: torch.device, seconds: float) -> Timing:
    """Runs a call once to warm up, then for about `seconds` and at least LEAST_RUNS times, waiting for the device."""
    runs: list[float] = []
    busy: list[float] = []
    begun = time.perf_counter()
    for warm_up in range(MOST_RUNS + 1):
        started, worked = time.perf_counter(), time.process_time()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        ended = time.perf_counter()
        if not warm_up:
            begun = ended
            continue
        runs.append(ended - started)
        busy.append(time.process_time() - worked)
        if len(runs) >= LEAST_RUNS and ended - begun > seconds:
            break
    return Timing(tuple(sorted(runs)), tuple(sorted(busy)))


def machine(device: torch.device) -> str:
    """The machine in words: processor, cores, how busy it is, GPU, and torch."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{processor()}, {cores} cores, {torch.get_num_threads()} threads"]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    if device.type == "cuda":
        parts.append(torch.cuda.get_device_name(device))
    parts.append(f"torch {torch.__version__}")
    return "; ".join(parts)


def peak_mebibytes(device: torch.device) -> float:
    """The most memory used so far: of the GPU by torch, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
