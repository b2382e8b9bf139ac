"""grain-info: what a .grain file or a carrier says about itself, and whether it is whole."""

import json
import sys

import click

from grain_codec.cli.batch.files.inputs import read_source, refuse_unusable_input
from grain_codec.cli.batch.names import STANDARD_STREAM, shown
from grain_codec.cli.batch.run import complain
from grain_codec.cli.exits import EXIT_FAILED, orderly_exit
from grain_codec.cli.options import fine_quality_option, model_option
from grain_codec.errors import GrainError, reason_of
from grain_codec.version import VERSION

PROGRAM = "grain-info"

Rows = dict[str, str | int | float | bool]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(readable=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array with an object for each file.")
@click.option("--test", is_flag=True, help="Only say whether each file is whole.")
@model_option
@fine_quality_option("Fine quality of carriers whose private chunk was stripped.")
@click.version_option(VERSION, "-V", "--version", prog_name=PROGRAM)
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
    """The rows of one file; a bad one has the row "error", and is also named on standard error."""
    from grain_codec.codec import file_codec
    from grain_codec.formats import qr_carrier

    name = shown(file, "stdin")
    try:
        data, files = read_source(file), file_codec(model)
        rows = files.describe(files.read(qr_carrier.carried(data, name), fine_quality))
    except (GrainError, OSError) as error:
        complain(PROGRAM, name, error)
        return {"file": name, "ok": False, "error": reason_of(error, name)}
    return {"file": name, "ok": True} if test else {"file": name, **rows}


def _print_rows(rows: Rows, test: bool) -> None:
    """Prints one file for people: one line where it is only tested, otherwise its name and an indented table."""
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
