"""grain-weights: imports official checkpoints as a weights file, describes weights files, and exports them to ONNX."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from grain_codec.errors import GrainError, printable
from grain_codec.settings import DEFAULT_MODEL
from grain_codec.version import VERSION
from grain_codec.zoo import LICENCE

PROGRAM = "grain-weights"
EXIT_FAILED = 1

Rows = dict[str, Any]  # The description of a weights file: values by label.


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns errors that a user or a file has caused into one line and an exit code."""
    try:
        yield
    except (GrainError, OSError) as error:
        named = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else ""
        click.echo(f"{PROGRAM}: {printable(named or str(error))}", err=True)
        sys.exit(EXIT_FAILED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-V", "--version", prog_name=PROGRAM)
def main() -> None:
    """Import official checkpoints, look into weights files, and export them to ONNX."""


def checkpoint_option(name: str, meaning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
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


@main.command("export-onnx")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Name or weights file.")
@click.option(
    "--beside-weights",
    is_flag=True,
    help="Write graphs without weights beside the weights file; with them grain-decode needs no torch.",
)
@click.option("--licence", metavar="TEXT", help="Licence of the weights, for the metadata.  [default: of shipped ones]")
@click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
def export_onnx(folder: Path | None, model: str, beside_weights: bool, licence: str | None, force: bool) -> None:
    """Write the decoder's networks as ONNX files to DIR, and the tables of its entropy coder.

    A network takes the symbols of a face, int32 or uint8 [1, N], and gives its picture, uint8 [1, S, S, 3]: the model's
    best, the same at 256 px, and `rescaled`. The files named -fp16 hold the weights in half precision. Needs the extra
    "onnx".
    """
    if (folder is None) != beside_weights:
        raise click.UsageError("name a folder DIR, or give --beside-weights.")
    with plain_errors():
        from grain_codec.portable.export import export_bare, export_whole
        from grain_codec.weights import ZOO, find_model, read_model

        found = read_model(find_model(model))
        licence = licence or (LICENCE if found.path.parent == ZOO else "not stated")
        written = export_bare(found, licence, force) if folder is None else export_whole(found, folder, licence, force)
        for path in written:
            click.echo(f"{path}, {path.stat().st_size} bytes")


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
    """Describes a weights file, which is read to its end and so checked."""
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
    """Prints a table for people."""
    spec = rows.pop("spec")
    flat = {**rows, **{f"spec {name}": value for name, value in spec.items()}}
    width = max(map(len, flat))
    for name, value in flat.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        # The origin is a text of whoever made the weights.
        click.echo(f"{name:<{width}}  {printable(text)}")


if __name__ == "__main__":
    main()
