"""Numbers of bytes as people write them."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from grain_codec.cli.byte_count import read_byte_count


@click.command()
@click.option("--bytes", "count", callback=read_byte_count)
def command(count: int | None) -> None:
    click.echo(count)


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("1", 1),
        ("300", 300),
        ("300B", 300),
        ("1k", 1000),
        ("1K", 1000),
        ("1.5kB", 1500),
        ("2KiB", 2048),
        ("2 kib", 2048),
    ],
)
def test_counts(written: str, count: int) -> None:
    assert CliRunner().invoke(command, ["--bytes", written]).output == f"{count}\n"


@pytest.mark.parametrize("written", ["", "0", "-1", "k", "1M", "1.5", "0.0001k", "1e3", "nan", "9" * 20])
def test_what_is_no_count_is_refused(written: str) -> None:
    ended = CliRunner().invoke(command, ["--bytes", written])
    assert ended.exit_code == 2 and repr(written) in ended.output


def test_no_count_is_none() -> None:
    assert read_byte_count(click.Context(command), command.params[0], None) is None
