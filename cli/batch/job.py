"""The jobs of a run and their outcomes."""

from dataclasses import dataclass

from grain_codec.cli.batch.names import shown
from grain_codec.cli.batch.tasks.figures import Figures

DONE, PLANNED, SKIPPED, FAILED = "done", "planned", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion."""

    # Paths as the user would write them, URLs, or "-" for a standard stream.
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
    """The outcome of one job."""

    job: Job
    status: str  # DONE, in a dry run PLANNED, SKIPPED or FAILED.
    bytes_in: int = 0  # The bytes read; 0 unless done.
    bytes_out: int = 0  # The bytes written; 0 unless done.
    seconds: float = 0.0  # The time spent on this file alone, without the time to compute a batch of files together.
    blamed: str = ""  # Name of the file that an error is about.
    reason: str = ""  # The reason of a failure.
    notices: tuple[str, ...] = ()  # What the user should know of the output.
    further_targets: tuple[str, ...] = ()  # Files that were written beside the job's target.
    figures: tuple[Figures, ...] = ()  # What was measured of the target, and then of the further ones.
