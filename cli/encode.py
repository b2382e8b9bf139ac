"""grain-encode: face photographs to files of a few hundred bytes."""

from __future__ import annotations

import click

from grain_codec.cli.batch import (
    BatchOptions,
    LazyModel,
    batch_options,
    model_options,
    orderly_exit,
    output_options,
    run_and_exit,
)
from grain_codec.cli.paths import encoded_name, plan_jobs
from grain_codec.version import VERSION

PROGRAM = "grain-encode"
DEFAULT_QUALITY = 5
SUFFIXES = {"grain": ".grain", "png": ".grain.png"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@output_options("--output")
@click.option("-q", "--quality", type=click.IntRange(1, 8), help=f"Level of quality.  [default: {DEFAULT_QUALITY}]")
@click.option("--max-bytes", type=click.IntRange(min=1), metavar="N", help="Best quality that fits in N bytes.")
@click.option(
    "-e", "--effort", type=click.IntRange(0, 9), default=0, show_default=True, help="Search longer for a nearer face."
)
@click.option(
    "--format",
    "carrier",
    type=click.Choice(list(SUFFIXES)),
    help="A .grain file, or a 16x16 PNG.  [default: png if -o ends in .png, else grain]",
)
@click.option("--crop", type=click.Choice(["center", "top"]), help="Cut pictures that are not square.")
@model_options
@batch_options
@click.version_option(VERSION, prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(
    inputs: tuple[str, ...],
    output_file: str | None,
    output_dir: str | None,
    quality: int | None,
    max_bytes: int | None,
    effort: int,
    carrier: str | None,
    crop: str | None,
    model: str,
    device: str,
    **batch: bool,
) -> None:
    """Encode aligned face photographs; INPUT is a file, or - for standard input.

    face.jpg becomes face.grain beside it, or face.grain.png with --format png.
    """
    if quality is not None and max_bytes is not None:
        raise click.UsageError("--quality and --max-bytes contradict each other.")
    carrier = carrier or ("png" if (output_file or "").lower().endswith(".png") else "grain")
    jobs = plan_jobs(inputs, output_file, output_dir, lambda name: encoded_name(name, SUFFIXES[carrier]))
    lazy_model = LazyModel(model, device)

    def convert(data: bytes, name: str) -> bytes:
        from grain_codec.formats.images import read_face

        pixels = read_face(data, name, crop=crop)
        return lazy_model.codec().encode_face(pixels, quality or DEFAULT_QUALITY, max_bytes, carrier, effort)

    run_and_exit(PROGRAM, jobs, output_dir, convert, BatchOptions(**batch))


if __name__ == "__main__":
    main()
