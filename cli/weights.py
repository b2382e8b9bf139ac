"""grain-weights: official checkpoints to a weights file, and what a weights file says of itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from grain_codec.errors import GrainError, printable
from grain_codec.version import VERSION

PROGRAM = "grain-weights"
EXIT_FAILED = 1

Rows = dict[str, str | int | float | list]


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user or a file caused ends the command with one line instead of a traceback."""
    try:
        yield
    except GrainError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        return
    click.echo(f"{PROGRAM}: {printable(reason)}", err=True)
    sys.exit(EXIT_FAILED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name=PROGRAM)
def main() -> None:
    """Import official checkpoints, and look into weights files."""


def checkpoint_option(name: str, meaning: str) -> click.Option:
    """An option that names one of the files to import."""
    return click.option(name, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=meaning)


@main.command("import")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@checkpoint_option("--invrrdb", "Rescaling module, invRRDB_model.pt.")
@checkpoint_option("--codestylegan", "Prior module, codeStyleGAN_model.pt.")
@checkpoint_option("--fusion", "Fusion module, Fusion_model.pt.")
@checkpoint_option("--stylegan", "Generator of the prior module, stylegan2-ffhq-config-f.pt.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this .safetensors file.  [default: into the user's folder, where -m grain-2022 finds it]",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
def import_weights(folder: Path | None, output: Path | None, force: bool, **files: Path | None) -> None:
    """Make one weights file of the official checkpoints of GRAIN.

    FOLDER, or a folder pretrained_models in it, holds them under their official names; without it, and without
    options that name files, they are looked for here. Nothing in them is run. With the rescaling module alone, or
    without the fusion module, the model draws what it can; of the generator alone there is a file for training.
    """
    if folder is not None and any(files.values()):
        raise click.UsageError("name a folder, or the files one by one.")
    if output is not None and output.suffix != ".safetensors":
        raise click.UsageError(f"{output}: a weights file ends in .safetensors.")
    with plain_errors():
        if output is not None and output.exists() and not force:
            raise FileExistsError(0, "exists; --force overwrites it", str(output))
        from grain_codec.models.grain2022.checkpoints import Checkpoints, find_checkpoints, import_checkpoints
        from grain_codec.weights import user_folder, write_file, write_model

        found = Checkpoints(**files) if any(files.values()) else find_checkpoints(folder or Path())
        spec, tensors = import_checkpoints(found)
        names = ", ".join(path.name for path in vars(found).values() if path is not None)
        origin = f"Imported from {names}."
        if output is None:
            output = write_model(user_folder(), spec, tensors, origin)
        else:
            write_file(output, spec, tensors, origin)
        _print_rows(_describe(output))


@main.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(model: str, as_json: bool) -> None:
    """Describe a weights file; MODEL is one, or a model's name. No network is needed."""
    with plain_errors():
        from grain_codec.weights import find_model

        rows = _describe(find_model(model))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        _print_rows(rows)


def _describe(path: Path) -> Rows:
    """What a weights file says of itself; reading it to its end also checks it."""
    from grain_codec.weights import read_model

    model = read_model(path)
    networks = [tensor for name, tensor in model.tensors.items() if name.startswith("networks.")]
    return {
        "file": str(path),
        "name": model.spec.name,
        "fingerprint": model.fingerprint.hex(),
        "fingerprint in files": model.coding_fingerprint.hex(),
        "origin": model.origin,
        "bytes": path.stat().st_size,
        "modules": sorted(model.modules),
        "numbers": sum(tensor.size for tensor in networks),
        "spec": json.loads(model.spec.to_json()),
    }


def _print_rows(rows: Rows) -> None:
    """The rows as a table for people."""
    spec = rows.pop("spec")
    flat = {**rows, **{f"spec {name}": value for name, value in spec.items()}}
    width = max(map(len, flat))
    for name, value in flat.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        # Where the weights come from is told in words of whoever made them.
        click.echo(f"{name:<{width}}  {printable(text)}")


if __name__ == "__main__":
    main()
