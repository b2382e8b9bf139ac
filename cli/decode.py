"""grain-decode: .grain files and 16x16 carriers back to face photographs."""

from __future__ import annotations

from pathlib import Path

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
from grain_codec.cli.paths import STANDARD_STREAM, decoded_name, is_stream, plan_jobs
from grain_codec.errors import BadImage
from grain_codec.version import VERSION

PROGRAM = "grain-decode"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@output_options("--output-file")
@click.option("--size", type=click.IntRange(16, 4096), metavar="N", help="Resize the face to N x N pixels.")
@click.option("--thumbnail", is_flag=True, help="Write the 16x16 image that the file holds; needs no network.")
@click.option(
    "--output",
    type=click.Choice(["rescaled"]),
    default="rescaled",
    show_default=True,
    expose_value=False,
    help="Which of the model's pictures to write.",
)
@click.option(
    "--fine-quality",
    type=click.IntRange(0, 255),
    metavar="N",
    help="Fine quality of a carrier whose private chunk was stripped.",
)
@model_options
@batch_options
@click.version_option(VERSION, prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(
    inputs: tuple[str, ...],
    output_file: str | None,
    output_dir: str | None,
    size: int | None,
    thumbnail: bool,
    fine_quality: int | None,
    model: str,
    device: str,
    **batch: bool,
) -> None:
    """Decode faces; INPUT is a .grain file, a 16x16 carrier PNG, or - for standard input.

    face.grain and face.grain.png become face.png beside them; -o FILE chooses the format by its suffix.
    """
    if thumbnail and size is not None:
        raise click.UsageError("--thumbnail is 16x16; --size contradicts it.")
    image_format = _image_format(output_file)
    jobs = plan_jobs(inputs, output_file, output_dir, decoded_name)
    lazy_model = LazyModel(model, device)

    def convert(data: bytes, name: str) -> bytes:
        from grain_codec.codec import low_resolution_image
        from grain_codec.formats.images import resize_square, write_image

        if thumbnail or not lazy_model.loaded:
            # Without the network it takes milliseconds to refuse a damaged file, with it seconds.
            pixels = low_resolution_image(data, model, fine_quality)
        if not thumbnail:
            pixels = lazy_model.codec().decode_face(data, fine_quality)
        return write_image(pixels if size is None else resize_square(pixels, size), image_format)

    run_and_exit(PROGRAM, jobs, output_dir, convert, BatchOptions(**batch))


def _image_format(output_file: str | None) -> str:
    """The format that -o asks for; PNG when it names no file or a device."""
    if output_file is None or output_file == STANDARD_STREAM or is_stream(output_file):
        return "PNG"
    from grain_codec.formats.images import format_of_suffix

    try:
        return format_of_suffix(Path(output_file))
    except BadImage as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
