"""grain-decode: .grain files and 16x16 carriers back to face photographs."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from grain_codec.cli import options as shared
from grain_codec.cli.batch.files.arguments import apart_from_target, with_listed
from grain_codec.cli.batch.files.folders import expand_wildcards, is_encoded, is_picture
from grain_codec.cli.batch.files.outputs import is_stream
from grain_codec.cli.batch.names import STANDARD_STREAM, decoded_name
from grain_codec.cli.batch.plan import Naming, Outputs, plan_jobs
from grain_codec.cli.batch.run import run_and_exit
from grain_codec.cli.exits import orderly_exit
from grain_codec.errors import BadImage
from grain_codec.settings import ENGINES, OUTPUTS, PRECISIONS, DecodeSettings, ModelChoice
from grain_codec.version import VERSION

PROGRAM = "grain-decode"
ENGINE = click.option(
    "--engine",
    type=click.Choice([*ENGINES, "ray", "local"]),
    default=ENGINES[0],
    show_default=True,
    help="What draws: auto is ONNX Runtime on a CPU where it is installed, else torch. ray: auto, in processes on the "
    "Ray cluster of RAY_ADDRESS, else on a new one here. local: the former name of auto.",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=shared.BATCH_EPILOG)
@shared.output_options("--output-file")
@click.option("--size", type=click.IntRange(16, 4096), metavar="N", help="Resize the face to N x N pixels.")
@click.option(
    "--image-quality", type=click.IntRange(1, 100), metavar="N", help="Quality of a JPEG, WebP or AVIF, from 1 to 100."
)
@click.option("--thumbnail", is_flag=True, help="Write the 16x16 image that the file holds; needs no network.")
@click.option(
    "--output",
    "picture",
    type=click.Choice(OUTPUTS),
    help="Which of the model's pictures to write.  [default: the model's first]",
)
@shared.fine_quality_option("Fine quality of a carrier whose private chunk was stripped.")
@click.option(
    "--paste",
    type=click.Choice(["original-size"]),
    help="Put a face that was cut out where it was, in an empty picture of the photo's size; with -o all of several.",
)
@click.option(
    "--canvas",
    metavar="PHOTO",
    type=click.Path(dir_okay=False),
    help="Put a face that was cut out where it was, in this photo or a copy of its size; with -o all of several.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=PRECISIONS[0],
    show_default=True,
    help="What the network computes in; auto is float32 on a CPU.",
)
@click.option("--strip-metadata", is_flag=True, help="Write no EXIF and XMP, even where the file holds some.")
@shared.model_options
@partial(shared.batch_options, engine=ENGINE)
@click.version_option(VERSION, "-V", "--version", prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(
    inputs: tuple[str, ...],
    output_file: str | None,
    output_dir: str | None,
    files_from: str | None,
    size: int | None,
    image_quality: int | None,
    thumbnail: bool,
    picture: str | None,
    fine_quality: int | None,
    paste: str | None,
    canvas: str | None,
    precision: str,
    strip_metadata: bool,
    model: str,
    device: str,
    **batch: Any,
) -> None:
    """Decode faces; INPUT is a .grain file, a 16x16 carrier PNG, or a picture of a QR code, with -r also a folder of
    them, or - for stdin.

    face.grain and face.grain.png become face.png beside them; -o FILE chooses the format by its suffix. With two names,
    `face.grain out.jpg`, the second one is the output.
    """
    options = shared.BatchOptions(**batch)
    elsewhere = (output_file or output_dir or files_from) is not None or options.recursive
    inputs, target = apart_from_target(with_listed(inputs, files_from), is_picture, elsewhere)
    output_file = output_file or target
    if thumbnail and size is not None:
        raise click.UsageError("--thumbnail is 16x16; --size contradicts it.")
    if thumbnail and picture is not None:
        raise click.UsageError("--thumbnail is none of the network's pictures; --output contradicts it.")
    if paste is not None and canvas is not None:
        raise click.UsageError("--paste makes an empty canvas; --canvas contradicts it.")
    if canvas == STANDARD_STREAM:
        raise click.UsageError("--canvas names a file; standard input is for a .grain file.")
    if (paste or canvas) is not None and (thumbnail or size is not None):
        raise click.UsageError("A face goes back at its own size; --size and --thumbnail contradict that.")
    image_format = _image_format(output_file)
    if image_quality is not None:
        _refuse_quality_of(image_format)
    further: list[str] = []
    if output_file is not None and (paste or canvas) is not None and not options.recursive:
        first, *further = (file for argument in inputs for file in expand_wildcards(argument))
        inputs = (first,)
    if STANDARD_STREAM in further:
        raise click.UsageError("Of several files only the first may be standard input.")
    naming = Naming(".grain file", is_encoded, decoded_name)
    also_read = [*further, *([] if canvas is None else [canvas])]
    plan = plan_jobs(inputs, Outputs(output_file, output_dir), naming, options.recursive, also_read)

    from grain_codec.cli.batch.tasks.decode import DecodeTask
    from grain_codec.cli.batch.tasks.model import explain_engine

    engine = options.engine if options.engine in ENGINES else ENGINES[0]
    choice = ModelChoice(name=model, device=device, precision=precision, engine=engine)
    if options.verbose and not thumbnail:
        click.echo(f"{PROGRAM}: {explain_engine(choice)}", err=True)
    task = DecodeTask(
        model=choice,
        settings=DecodeSettings(output=picture, fine_quality=fine_quality),
        image_format=image_format,
        image_quality=image_quality,
        size=size,
        thumbnail=thumbnail,
        strip_metadata=strip_metadata,
        paste=paste is not None,
        canvas=canvas,
        further=tuple(further),
    )
    run_and_exit(PROGRAM, plan, output_dir, task, options)


def _image_format(output_file: str | None) -> str:
    """The format that -o asks for, which is PNG where -o is missing or names a stream."""
    if output_file is None or output_file == STANDARD_STREAM or is_stream(output_file):
        return "PNG"
    from grain_codec.formats.images.writing import format_of_suffix

    try:
        return format_of_suffix(Path(output_file))
    except BadImage as error:
        raise click.UsageError(str(error)) from error


def _refuse_quality_of(image_format: str) -> None:
    """Refuses --image-quality for formats that have none."""
    from grain_codec.formats.images.writing import LOSSY_FORMATS

    if image_format not in LOSSY_FORMATS:
        raise click.UsageError(f"{image_format} has no quality; --image-quality is for -o with .jpg, .webp or .avif.")


if __name__ == "__main__":
    main()
