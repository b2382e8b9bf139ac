"""Numbers of bytes on the command line."""

import re

import click

UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024}
"""Bytes in a unit, by its name in lower case."""


def read_byte_count(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """The number of bytes that an option gives, such as 300, 1k, 1.5kB or 2KiB; None where it is not given.

    Raises:
        click.BadParameter: the value is no number, or less than a byte.
    """
    if value is None:
        return None
    matched = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?([a-z]*)", value.strip().lower())
    unit = UNITS.get(matched[2]) if matched else None
    if matched is None or unit is None:
        raise click.BadParameter(f"{value!r} is no number of bytes such as 300, 1k or 2KiB.")
    count = float(matched[1]) * unit
    if count < 1 or not count.is_integer():
        raise click.BadParameter(f"{value!r} is not a whole number of at least 1 byte.")
    return int(count)
