"""Does jobs on the machines of a Ray cluster, through Ray Data; outcomes come in the jobs' order.

Every machine needs this package, and the inputs and outputs under the same paths or as URLs. A machine or
process that is lost costs time and no file: Ray does its blocks of jobs again elsewhere.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.files.outputs import OutputExists, check_target
from grain_codec.cli.batch.files.urls import is_url
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.cli.exits import RunImpossible
from grain_codec.errors import install_command
from grain_codec.settings import ModelChoice

if TYPE_CHECKING:
    from ray.actor import ActorHandle
    from ray.data import Dataset

MOST_JOBS_A_BLOCK = 16  # Ray does the jobs of one block again when a worker is lost on any of them.
BLOCKS_A_WORKER = 4  # Least blocks for each worker, so that all end at about the same time.

Row = dict[str, Any]
AnyConversion = Conversion[Any, Any, Any]


def run_on_ray(jobs: Iterable[Job], conversion: AnyConversion, count: int | None) -> Generator[Outcome]:
    """Does jobs in processes of the cluster, each with a model of its own.

    A run that is interrupted still gives the outcomes of the jobs that were done until then.

    Args:
        count: number of processes; None means one for each core of the cluster.

    Raises:
        RunImpossible: Ray is not installed, or its cluster cannot be reached.
    """
    with _connection() as ray:
        todo = list(jobs)
        if not todo:
            return
        workers = min(count or int(ray.cluster_resources().get("CPU", 1)), len(todo))
        ledger = ray.remote(num_cpus=0)(_Ledger).options(scheduling_strategy=_this_machine(ray)).remote()
        resources = {"concurrency": workers, "num_cpus": 1, "num_gpus": _gpus(conversion)}
        rows = _dataset(ray, todo, workers).map(_Worker, fn_constructor_args=(conversion, ledger), **resources)
        reported = 0
        try:
            for job, row in zip(todo, rows.iter_rows(), strict=True):
                if row["impossible"]:
                    raise RunImpossible(row["impossible"])
                reported += 1
                yield _as_the_user_wrote(_outcome_of(row["outcome"]), job)
        except (KeyboardInterrupt, SystemExit):
            # Ray hands rows over in blocks, so far more may be done than was reported.
            for number, outcome in sorted(ray.get(ledger.close.remote()).items()):
                if number >= reported:
                    yield _as_the_user_wrote(_outcome_of(outcome), todo[number])
            raise


class _Ledger:
    """Knows which jobs have begun, so that another worker may finish them when the first one is lost, and which ended.

    Those that ended are counted where the run is interrupted.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._ended: dict[int, str] = {}
        self._closed = False

    def has(self, number: int) -> bool:
        """Tells whether a job was begun."""
        return number in self._begun

    def add(self, number: int) -> None:
        """Notes that a job begins."""
        self._begun.add(number)

    def end(self, number: int, outcome: str) -> None:
        """Notes the outcome of a job, as JSON."""
        self._ended[number] = outcome

    def is_closed(self) -> bool:
        """Tells whether no more jobs may begin."""
        return self._closed

    def close(self) -> dict[int, str]:
        """Lets no more jobs begin; returns the outcomes by the numbers of the jobs."""
        self._closed = True
        return self._ended


class _Worker:
    """Does jobs in a process of the cluster."""

    def __init__(self, conversion: AnyConversion, ledger: ActorHandle):
        self._conversion, self._ledger = conversion, ledger

    def __call__(self, row: Row) -> Row:
        """Does the job of a row; gives its outcome as JSON, or the reason why no file can be converted."""
        import ray

        job = Job(os.fsdecode(row["source"]), os.fsdecode(row["target"]))
        if ray.get(self._ledger.is_closed.remote()):
            return {"outcome": "", "impossible": "the run was interrupted"}
        try:
            outcome = json.dumps(asdict(self._conversion_of(row["number"], job)(job)))
        except RunImpossible as error:
            return {"outcome": "", "impossible": str(error)}
        ray.get(self._ledger.end.remote(row["number"], outcome))
        return {"outcome": outcome, "impossible": ""}

    def _conversion_of(self, number: int, job: Job) -> AnyConversion:
        """The conversion; of a job that a lost worker had begun, it may overwrite the outputs."""
        import ray

        if ray.get(self._ledger.has.remote(number)):
            return replace(self._conversion, options=replace(self._conversion.options, force=True))
        try:
            check_target(job.target, self._conversion.options.force)
        except (OutputExists, OSError):
            return self._conversion
        ray.get(self._ledger.add.remote(number))
        return self._conversion


@contextmanager
def _connection() -> Iterator[Any]:
    """The module ray while it is connected."""
    # Ray prints warnings of its processes on standard output, which is for data alone.
    with redirect_stdout(sys.stderr):
        ray = _connected()
        try:
            yield ray
        finally:
            ray.shutdown()


def _connected() -> Any:
    """The module ray, connected to the cluster that RAY_ADDRESS names or to a new one on this machine."""
    for name, value in (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_BACKEND_LOG_LEVEL", "error")):
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RunImpossible(f"--engine ray needs Ray: {install_command('ray')}") from error
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunImpossible(f"Ray does not start: {str(error).strip().splitlines()[0]}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    return ray


def _dataset(ray: Any, jobs: list[Job], workers: int) -> Dataset:
    """A row for each job: its number, and its absolute paths, as bytes because names need not be UTF-8."""
    jobs_a_block = max(1, min(MOST_JOBS_A_BLOCK, len(jobs) // (BLOCKS_A_WORKER * workers)))
    paths = ((os.fsencode(_absolute(job.source)), os.fsencode(_absolute(job.target))) for job in jobs)
    rows = [{"number": number, "source": source, "target": target} for number, (source, target) in enumerate(paths)]
    return ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / jobs_a_block))


def _this_machine(ray: Any) -> Any:
    """A strategy that places the ledger on this machine, so that it is lost only together with the run itself."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _gpus(conversion: AnyConversion) -> int:
    """GPUs for each worker: one where the command asks for a GPU."""
    model = getattr(conversion.task, "model", None)
    return 1 if isinstance(model, ModelChoice) and model.device.startswith("cuda") else 0


def _absolute(path: str) -> str:
    """A path that means the same in another working directory."""
    return path if is_url(path) else os.path.abspath(path)


def _outcome_of(text: str) -> Outcome:
    """Reads an outcome that a worker wrote as JSON, whose escapes keep names that are not UTF-8."""
    fields = json.loads(text)
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Outcome(**{**fields, **lists, "job": Job(**fields["job"])})


def _as_the_user_wrote(outcome: Outcome, job: Job) -> Outcome:
    """An outcome with the paths of its job in place of the absolute ones."""
    names = {outcome.job.source_name: job.source_name, outcome.job.target_name: job.target_name}
    reason = outcome.reason.replace(outcome.job.target_name, job.target_name)
    return replace(outcome, job=job, blamed=names.get(outcome.blamed, outcome.blamed), reason=reason)
