"""All conversions of a run, known before the first one: which file becomes which."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from grain_codec.cli.batch.collisions import refuse_collisions
from grain_codec.cli.batch.folders import Listing, expand_wildcards, walk
from grain_codec.cli.batch.paths import STANDARD_STREAM, Job, shown
from grain_codec.cli.batch.urls import is_folder, is_url, walk_url, without_file_scheme


@dataclass(frozen=True)
class Naming:
    """What a command makes of file names.

    Attributes:
        inputs: what messages call its inputs, such as "image".
        accepts: whether a file of this name in a folder is an input.
        rename: gives the target's file name for a source's file name.
    """

    inputs: str
    accepts: Callable[[str], bool]
    rename: Callable[[str], str]


class Plan:
    """The jobs of a run, in order. Only file names are kept, so that a plan of many files is small."""

    def __init__(self, parts: list[Job | Listing], output_dir: str | None, naming: Naming):
        self._parts, self._output_dir, self._naming = parts, output_dir, naming
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
        """What messages call an input."""
        return self._naming.inputs

    @property
    def passed_over(self) -> int:
        """Files in the folders that are no inputs."""
        return sum(listing.passed_over for listing in self._listings)

    @property
    def unlisted(self) -> list[tuple[str, OSError]]:
        """The folders that could not be listed, and why."""
        return [(listing.folder, listing.error) for listing in self._listings if listing.error is not None]

    def _target_folder(self, listing: Listing) -> str:
        """Where the outputs of a folder lie."""
        if self._output_dir is None:
            return listing.folder
        return os.path.join(self._output_dir, listing.below) if listing.below else self._output_dir


def plan_jobs(
    inputs: Sequence[str],
    output: str | None,
    output_dir: str | None,
    naming: Naming,
    recursive: bool = False,
    also_read: Sequence[str] = (),
) -> Plan:
    """Pairs every source with its target, before anything is read or written.

    Args:
        inputs: paths, wildcards, or "-" for standard input.
        output: the target of the only source, or "-".
        output_dir: folder of all targets, in which trees are mirrored; without it a target lies next to its source.
        recursive: whether folders are entered.
        also_read: paths of files beside the sources that no job may overwrite.

    Raises:
        click.UsageError: the options contradict each other, two jobs would write one file, a job would
            overwrite a source, a standard stream that is needed is closed or a terminal, or an input is a
            folder without `recursive`.
    """
    sources = [source for argument in inputs for source in _expanded(argument)]
    output, output_dir = (path and without_file_scheme(path) for path in (output, output_dir))
    folders = {source for source in sources if (is_folder(source) if is_url(source) else os.path.isdir(source))}
    _refuse_contradictions(sources, folders, output, output_dir, naming, recursive)
    parts: list[Job | Listing] = []
    for source in sources:
        if source in folders:
            parts.extend((walk_url if is_url(source) else walk)(source, naming.accepts))
        else:
            parts.append(Job(source, output if output is not None else _target(source, output_dir, naming)))
    plan = Plan(parts, output_dir, naming)
    _refuse_unusable_streams(plan)
    refuse_collisions(plan, also_read)
    return plan


def _expanded(argument: str) -> list[str]:
    """The paths or the URL that an argument stands for."""
    return [argument] if is_url(argument := without_file_scheme(argument)) else expand_wildcards(argument)


def _refuse_contradictions(
    sources: list[str],
    folders: set[str],
    output: str | None,
    output_dir: str | None,
    naming: Naming,
    recursive: bool,
) -> None:
    """Refuses options and inputs that do not go together."""
    if output is not None and output_dir is not None:
        raise click.UsageError("-o names one file and -O a folder; give one of them.")
    if folders and not recursive:
        first = next(source for source in sources if source in folders)
        raise click.UsageError(f"{shown(first)} is a folder; -r takes every {naming.inputs} in it.")
    if output is not None and (len(sources) > 1 or folders):
        raise click.UsageError("-o takes one input; use -O DIR for several.")
    if sources.count(STANDARD_STREAM) > 1:
        raise click.UsageError("Standard input can be read only once.")


def _target(source: str, output_dir: str | None, naming: Naming) -> str:
    """The target of a file that no -o names."""
    if source == STANDARD_STREAM:
        if output_dir is not None:
            raise click.UsageError("Standard input has no name to store under -O DIR; use -o FILE.")
        return STANDARD_STREAM
    folder = os.path.dirname(source) if output_dir is None else output_dir
    return os.path.join(folder, naming.rename(Path(source).name))


def _refuse_unusable_streams(plan: Plan) -> None:
    """Refuses to wait for a picture to be typed, and to print one."""
    if any(job.source == STANDARD_STREAM for job in plan):
        refuse_unusable_input()
    if not any(job.target == STANDARD_STREAM for job in plan):
        return
    if sys.stdout is None:
        raise click.UsageError("Standard output is closed; no data can be written to it.")
    if sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; binary data is not written to it.")


def refuse_unusable_input() -> None:
    """Refuses to read from a standard input that gives no file; raises click.UsageError."""
    if sys.stdin is None:
        raise click.UsageError("Standard input is closed; nothing can be read from it.")
    if sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal; no file can be read from it.")
