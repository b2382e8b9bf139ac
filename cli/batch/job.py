"""What a job of a run is, and what came of it."""

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
        """What messages call the source."""
        return shown(self.source, "stdin")

    @property
    def target_name(self) -> str:
        """What messages call the target."""
        return shown(self.target, "stdout")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes:
        status: DONE, SKIPPED or FAILED.
        bytes_in: read, 0 unless done.
        bytes_out: written, 0 unless done.
        seconds: spent on this file alone; the time that a batch of files is computed together is not counted.
        blamed: name of the file that an error is about.
        reason: of a failure.
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
