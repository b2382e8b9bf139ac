"""The files that the arguments of a command name: inputs, inputs on a list, and the output after a single input."""

from collections.abc import Callable, Sequence

import click

from grain_codec.cli.batch.files.inputs import read_source
from grain_codec.cli.batch.names import STANDARD_STREAM, shown
from grain_codec.errors import GrainError, reason_of


def with_listed(inputs: Sequence[str], files_from: str | None) -> tuple[str, ...]:
    """The inputs that are named, and those on the lines of a list.

    Raises:
        click.UsageError: there is neither, the list cannot be read, or standard input is wanted twice.
    """
    if files_from is None:
        if not inputs:
            raise click.UsageError("Missing argument 'INPUT...'.")
        return tuple(inputs)
    try:
        lines = read_source(files_from).decode("utf-8", "surrogateescape").split("\n")
    except (OSError, GrainError) as error:
        raise click.UsageError(f"{shown(files_from)}: {reason_of(error, files_from)}") from error
    named = (*inputs, *(line for line in (line.removesuffix("\r") for line in lines) if line))
    if files_from == STANDARD_STREAM and STANDARD_STREAM in named:
        raise click.UsageError("Standard input can be read only once.")
    return named


def apart_from_target(
    inputs: tuple[str, ...], is_target: Callable[[str], bool], elsewhere: bool
) -> tuple[tuple[str, ...], str | None]:
    """The inputs, and the output where exactly one input and then an output are named, as `cp` takes them.

    Args:
        is_target: tells whether a path is an output by its name.
        elsewhere: options say already where outputs go.
    """
    if elsewhere or len(inputs) != 2 or not is_target(inputs[1]) or is_target(inputs[0]):
        return inputs, None
    return inputs[:1], inputs[1]
