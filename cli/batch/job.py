"""The jobs of a run and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from grain_codec.cli.batch.names import shown

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion.

    Attributes:
        source, target: paths as the user would write them, URLs, or "-" for a standard stream.
    """

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """The name of the source in messages."""
        return shown(self.source, "stdin")

    @property
    def target_name(self) -> str:
        """The name of the target in messages."""
        return shown(self.target, "stdout")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one job.

    Attributes:
        status: DONE, SKIPPED or FAILED.
        bytes_in: the bytes read; 0 unless done.
        bytes_out: the bytes written; 0 unless done.
        seconds: the time spent on this file alone, without the time to compute a batch of files together.
        blamed: name of the file that an error is about.
        reason: the reason of a failure.
        notices: what the user should know of the output.
        further_targets: files that were written beside the job's target.
    """

    job: Job
    status: str
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    blamed: str = ""
    reason: str = ""
    notices: tuple[str, ...] = ()
    further_targets: tuple[str, ...] = ()
