"""grain-info: what a .grain file or a carrier says about itself, and whether it is whole."""

from __future__ import annotations

import json
import sys

import click
from grain_codec.cli.batch.paths import STANDARD_STREAM, Job, read_source
from grain_codec.cli.batch.planning import refuse_unusable_input
from grain_codec.cli.batch.report import EXIT_FAILED
from grain_codec.cli.batch.run import complain, orderly_exit
from grain_codec.cli.batch.tasks import DEFAULT_MODEL

from grain_codec.errors import GrainError, reason_of
from grain_codec.version import VERSION

PROGRAM = "grain-info"

Rows = dict[str, str | int | float | bool]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(readable=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array with an object for each file.")
@click.option("--test", is_flag=True, help="Only say whether each file is whole.")
@click.option("-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Name or weights file.")
@click.option(
    "--fine-quality",
    type=click.IntRange(0, 255),
    metavar="N",
    help="Fine quality of carriers whose private chunk was stripped.",
)
@click.version_option(VERSION, prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(files: tuple[str, ...], as_json: bool, test: bool, model: str, fine_quality: int | None) -> None:
    """Describe .grain files and 16x16 carriers; FILE may be - for standard input. No network is needed."""
    if STANDARD_STREAM in files:
        refuse_unusable_input()
    objects = []
    for file in files:
        objects.append(_describe(file, model, fine_quality, test))
        if not as_json:
            _print_rows(objects[-1], test)
    if as_json:
        click.echo(json.dumps(objects, indent=2))
    sys.exit(EXIT_FAILED if any("error" in rows for rows in objects) else 0)


def _describe(file: str, model: str, fine_quality: int | None, test: bool) -> Rows:
    """The rows of one file; of a bad one, which is also named on standard error, the row "error"."""
    from grain_codec.codec import describe

    name = Job(file, "").source_name
    try:
        rows = describe(read_source(file), model, fine_quality)
    except (GrainError, OSError) as error:
        complain(PROGRAM, name, error)
        return {"file": name, "ok": False, "error": reason_of(error, name)}
    return {"file": name, "ok": True} if test else {"file": name, **rows}


def _print_rows(rows: Rows, test: bool) -> None:
    """One file for people: a line when it is tested, else its name and an indented table."""
    if "error" in rows:
        return
    if test:
        click.echo(f"{rows['file']}: OK")
        return
    click.echo(rows["file"])
    names = [name for name in rows if name != "file"]
    width = max(map(len, names), default=0)
    for name in names:
        click.echo(f"  {name.replace('_', ' '):<{width}}  {rows[name]}")


if __name__ == "__main__":
    main()
