"""All jobs of a run, known before the first one begins."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from grain_codec.cli.batch.collisions import refuse_collisions
from grain_codec.cli.batch.files.folders import Listing, expand_wildcards, walk
from grain_codec.cli.batch.files.inputs import refuse_unusable_input
from grain_codec.cli.batch.files.urls import is_folder, is_url, walk_url, without_file_scheme
from grain_codec.cli.batch.job import Job
from grain_codec.cli.batch.names import STANDARD_STREAM, shown


@dataclass(frozen=True)
class Naming:
    """The rules by which a command chooses its inputs and names its outputs."""

    inputs: str  # What messages call its inputs, such as "image".
    accepts: Callable[[str], bool]  # Whether a file of this name in a folder is an input.
    rename: Callable[[str], str]  # Gives the target's file name for a source's file name.


@dataclass(frozen=True)
class Outputs:
    """Where the user wants the outputs."""

    file: str | None = None  # Target of the only source, or "-".
    # Folder of all targets, in which trees are mirrored. Without either, a target lies next to its source.
    folder: str | None = None


class Plan:
    """The jobs of a run, in order. Only file names are kept, so that a plan of many files is small."""

    def __init__(self, parts: list[Job | Listing], output_folder: str | None, naming: Naming):
        self._parts, self._output_folder, self._naming = parts, output_folder, naming
        self._listings = [part for part in parts if isinstance(part, Listing)]

    def __iter__(self) -> Iterator[Job]:
        for part in self._parts:
            if isinstance(part, Job):
                yield part
                continue
            target_folder = self._target_folder(part)
            for name in part.names:
                yield Job(os.path.join(part.folder, name), os.path.join(target_folder, self._naming.rename(name)))

    def __len__(self) -> int:
        return sum(len(part.names) if isinstance(part, Listing) else 1 for part in self._parts)

    @property
    def inputs(self) -> str:
        """The noun for an input in messages."""
        return self._naming.inputs

    @property
    def passed_over(self) -> int:
        """Number of files in the folders that are no inputs."""
        return sum(listing.passed_over for listing in self._listings)

    @property
    def unlisted(self) -> list[tuple[str, OSError]]:
        """The folders that could not be listed, and why."""
        return [(listing.folder, listing.error) for listing in self._listings if listing.error is not None]

    def _target_folder(self, listing: Listing) -> str:
        """The folder of the outputs of a folder."""
        if self._output_folder is None:
            return listing.folder
        return os.path.join(self._output_folder, listing.below) if listing.below else self._output_folder


def plan_jobs(
    inputs: Sequence[str], outputs: Outputs, naming: Naming, recursive: bool = False, also_read: Sequence[str] = ()
) -> Plan:
    """Pairs every source with its target, before anything is read or written.

    Args:
        inputs: paths, wildcards, URLs, or "-" for standard input.
        recursive: takes the files of folders, and of the folders in them.
        also_read: paths of files beside the sources that no job may overwrite.

    Raises:
        click.UsageError: options contradict each other, two jobs would write one file, a job would overwrite a
            source, a standard stream that is needed is closed or a terminal, or an input is a folder without
            `recursive`.
    """
    sources = [source for argument in inputs for source in _expanded(argument)]
    outputs = Outputs(*(path and without_file_scheme(path) for path in (outputs.file, outputs.folder)))
    folders = {source for source in sources if (is_folder(source) if is_url(source) else os.path.isdir(source))}
    _refuse_contradictions(sources, folders, outputs, naming, recursive)
    parts: list[Job | Listing] = []
    for source in sources:
        if source in folders:
            parts.extend((walk_url if is_url(source) else walk)(source, naming.accepts))
        else:
            parts.append(Job(source, _target(source, outputs, naming)))
    plan = Plan(parts, outputs.folder, naming)
    _refuse_unusable_streams(plan)
    refuse_collisions(plan, also_read)
    return plan


def _expanded(argument: str) -> list[str]:
    """The paths or the URL that an argument stands for."""
    argument = without_file_scheme(argument)
    return [argument] if is_url(argument) else expand_wildcards(argument)


def _refuse_contradictions(
    sources: list[str], folders: set[str], outputs: Outputs, naming: Naming, recursive: bool
) -> None:
    """Refuses options and inputs that do not go together."""
    if outputs.file is not None and outputs.folder is not None:
        raise click.UsageError("-o names one file and -O a folder; give one of them.")
    if folders and not recursive:
        first = next(source for source in sources if source in folders)
        raise click.UsageError(f"{shown(first)} is a folder; -r takes every {naming.inputs} in it.")
    if outputs.file is not None and (len(sources) > 1 or folders):
        raise click.UsageError("-o takes one input; use -O DIR for several.")
    if sources.count(STANDARD_STREAM) > 1:
        raise click.UsageError("Standard input can be read only once.")


def _target(source: str, outputs: Outputs, naming: Naming) -> str:
    """The target of a source that is no folder."""
    if outputs.file is not None:
        return outputs.file
    if source == STANDARD_STREAM:
        if outputs.folder is not None:
            raise click.UsageError("Standard input has no name to store under -O DIR; use -o FILE.")
        return STANDARD_STREAM
    folder = os.path.dirname(source) if outputs.folder is None else outputs.folder
    return os.path.join(folder, naming.rename(Path(source).name))


def _refuse_unusable_streams(plan: Plan) -> None:
    """Refuses to wait for a picture to be typed, and to print one on a terminal."""
    if any(job.source == STANDARD_STREAM for job in plan):
        refuse_unusable_input()
    if not any(job.target == STANDARD_STREAM for job in plan):
        return
    if sys.stdout is None:
        raise click.UsageError("Standard output is closed; no data can be written to it.")
    if sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; binary data is not written to it.")
