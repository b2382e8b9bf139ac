"""The messages of a run: errors at once, a line for each file or a progress line, and a summary; or all as JSON."""

import json
import math
import sys
import time
from collections import Counter

import click

from grain_codec.cli.batch.job import DONE, FAILED, PLANNED, SKIPPED, Job, Outcome
from grain_codec.cli.batch.names import shown
from grain_codec.cli.batch.progress import ProgressLine, duration, size
from grain_codec.cli.exits import EXIT_FAILED, EXIT_NOTHING_TO_DO
from grain_codec.cli.options import BatchOptions


class Report:
    """Tells people on standard error, and programs on standard output, what becomes of the files of a run."""

    def __init__(self, program: str, total: int, options: BatchOptions):
        """Begins the report of `total` files."""
        self._program, self._total, self._options = program, total, options
        self._silent = options.quiet or options.as_json
        # Engines redirect sys.stdout for a while, where libraries print on it.
        self._standard_output = sys.stdout
        self._progress = ProgressLine(total, wanted=not self._silent)
        self._counts: Counter[str] = Counter()
        self._statuses = (PLANNED if options.dry_run else DONE, SKIPPED, FAILED)
        self._notices: dict[str, tuple[int, str]] = {}
        self._bytes_in = self._bytes_out = 0
        self._started = time.monotonic()

    @property
    def exit_code(self) -> int:
        """0 where all is done or was before, 1 where files failed, 3 where there was no file."""
        if self._counts[FAILED]:
            return EXIT_FAILED
        return 0 if self._counts.total() else EXIT_NOTHING_TO_DO

    def add(self, outcome: Outcome) -> None:
        """Reports one more file."""
        self._counts[outcome.status] += 1
        self._bytes_in += outcome.bytes_in
        self._bytes_out += outcome.bytes_out
        if outcome.status == FAILED:
            self._progress.clear()
            click.echo(f"{self._program}: {outcome.blamed}: {outcome.reason}", err=True)
        elif self._options.verbose or outcome.figures or not self._progress.visible:
            self.say(self._line(outcome))
        for notice in outcome.notices:
            self._note(outcome.job.source_name, notice)
        if self._options.as_json:
            self._print_json("file", _record(outcome))
        self._progress.advance(outcome.status == DONE, outcome.status == FAILED)

    def add_unlisted(self, folder: str, error: OSError) -> None:
        """Reports a folder that could not be listed as one failed file."""
        self._total += 1
        self.add(Outcome(Job(folder, ""), FAILED, blamed=shown(folder), reason=error.strerror or str(error)))

    def say(self, line: str) -> None:
        """Says a line to people, on standard error, since standard output is for data alone."""
        if not self._silent:
            self._progress.clear()
            click.echo(line, err=True)

    def give_up(self) -> None:
        """Clears the progress line, so that the reason why no file can be converted can follow."""
        self._progress.clear()

    def finish(self, interrupted: bool = False) -> None:
        """Says the summary: to people where there is more than one file, to programs always."""
        seconds = time.monotonic() - self._started
        self._progress.clear()
        self._say_notices()
        if self._options.as_json:
            counts = {status: self._counts[status] for status in self._statuses}
            sizes = {"bytes_in": self._bytes_in, "bytes_out": self._bytes_out}
            self._print_json("summary", {**counts, **sizes, "seconds": round(seconds, 3), "interrupted": interrupted})
        elif self._total > 1 and (self._counts[FAILED] or not self._silent):
            click.echo(f"{self._program}: {'interrupted: ' * interrupted}{self._summary(seconds)}", err=True)

    def _note(self, name: str, notice: str) -> None:
        """Says a notice of one file at once with --verbose; otherwise equal notices are gathered for the end."""
        if self._options.verbose:
            self.say(f"{self._program}: {name}: {notice}")
        else:
            count, first = self._notices.get(notice, (0, name))
            self._notices[notice] = count + 1, first

    def _say_notices(self) -> None:
        """Says one line for each notice, however many files it is about."""
        for notice, (count, first) in self._notices.items():
            self.say(f"{self._program}: {first if count == 1 else f'{count} files'}: {notice}")

    def _print_json(self, event: str, fields: dict[str, object]) -> None:
        """Prints one object on one line, at once."""
        click.echo(json.dumps({"event": event, **fields}), file=self._standard_output)

    def _summary(self, seconds: float) -> str:
        """The summary's text.

        Example: "12 files: 9 done, 1 skipped, 2 failed; 1.9 MB -> 2.7 kB; 4.1 s"
        """
        counts = ", ".join(f"{self._counts[status]} {status}" for status in self._statuses)
        sizes = f"{size(self._bytes_in)} -> {size(self._bytes_out)}"
        return f"{self._total} files: {counts}; {sizes}; {duration(seconds)}"

    def _line(self, outcome: Outcome) -> str:
        """The line that reports a file that did not fail."""
        job = outcome.job
        if outcome.status == SKIPPED:
            return f"{job.source_name}: skipped, {job.target_name} exists"
        made = f", {outcome.bytes_out} bytes" if outcome.bytes_out else ""
        seconds = f", {outcome.seconds:.2f} s" if self._options.verbose else ""
        targets = ", ".join([job.target_name, *map(shown, outcome.further_targets)])
        return f"{job.source_name} -> {targets}{made}{_figures(outcome)}{seconds}"


def _figures(outcome: Outcome) -> str:
    """What was measured, for people; of several faces in the order of the targets.

    Example: ", PSNR 26.31 dB, identity distance 0.324"
    """
    psnr, identity = (
        ", ".join(f"{measured[name]:{form}}" for measured in outcome.figures if name in measured)
        for name, form in (("psnr", ".2f"), ("identity", ".3f"))
    )
    return (f", PSNR {psnr} dB" if psnr else "") + (f", identity distance {identity}" if identity else "")


def _record(outcome: Outcome) -> dict[str, object]:
    """An outcome for programs; bytes of a name that are not UTF-8 become lone surrogates, as everywhere in Python."""
    record: dict[str, object] = {
        "source": outcome.job.source,
        "target": outcome.job.target,
        "status": outcome.status,
        "bytes_in": outcome.bytes_in,
        "bytes_out": outcome.bytes_out,
        "seconds": round(outcome.seconds, 4),
    }
    record |= {"further_targets": list(outcome.further_targets)} if outcome.further_targets else {}
    figures = [{name: _number(value) for name, value in measured.items()} for measured in outcome.figures]
    record |= figures[0] if figures else {}
    record |= {"further_figures": figures[1:]} if figures[1:] else {}
    record |= {"notices": list(outcome.notices)} if outcome.notices else {}
    return record | ({"error": outcome.reason} if outcome.status == FAILED else {})


def _number(value: float) -> float | None:
    """A figure for programs; JSON has no infinity, which the PSNR of equal pictures is."""
    return round(value, 4) if math.isfinite(value) else None
