"""grain-encode: face photographs to files of a few hundred bytes."""

from typing import Any

import click

from grain_codec import settings
from grain_codec.cli import figure_options as figures
from grain_codec.cli import options as shared
from grain_codec.cli import qr_options as qr
from grain_codec.cli.batch.files.arguments import apart_from_target, with_listed
from grain_codec.cli.batch.files.folders import is_encoded, is_photograph
from grain_codec.cli.batch.names import STANDARD_STREAM, encoded_name
from grain_codec.cli.batch.plan import Naming, Outputs, plan_jobs
from grain_codec.cli.batch.run import run_and_exit
from grain_codec.cli.byte_count import read_byte_count
from grain_codec.cli.exits import orderly_exit
from grain_codec.settings import EncodeSettings, ModelChoice
from grain_codec.version import VERSION

PROGRAM = "grain-encode"
SUFFIXES = {"grain": ".grain", "png": ".grain.png", "qr": ".qr.png"}  # The suffix of the outputs' names, by format.


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=shared.BATCH_EPILOG)
@shared.output_options("--output")
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(0, settings.MOST_QUALITY),
    help="Quality from 0, about 80 bytes, to 100, about 2,100; a model that has one takes all for it.  [default: "
    f"{settings.DEFAULT_QUALITY}]",
)
@click.option(
    "--max-bytes", callback=read_byte_count, metavar="N", help="Best quality that fits in N bytes; 1k is 1,000."
)
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(0, settings.MOST_EFFORT),
    default=settings.DEFAULT_EFFORT,
    show_default=True,
    help="Search longer for a nearer face.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(qr.FORMATS),
    help="A .grain file, a 16x16 PNG, or a QR code.  [default: png or qr if -o ends in .png or .svg, else grain]",
)
@qr.qr_options
@click.option(
    "--align",
    type=click.Choice(settings.ALIGNMENTS),
    help="Find the face, cut it out as FFHQ does, and store where it was; auto takes a square picture of an aligned "
    f"face as it is.  [default: {settings.DEFAULT_ALIGNMENT}]",
)
@click.option("--face", type=click.IntRange(min=1), metavar="N", help="Cut out the N-th largest face.  [default: 1]")
@click.option("--all-faces", is_flag=True, help="Cut out every face, as photo-1.grain, photo-2.grain, ...")
@click.option(
    "--crop",
    type=click.Choice(["center", "top"]),
    help="Look for no face, and cut pictures to squares at this place.",
)
@click.option("--keep-metadata", is_flag=True, help="Keep EXIF and XMP, but neither thumbnails nor the GPS position.")
@click.option("--keep-gps", is_flag=True, help="Keep the GPS position too.")
@figures.figure_options
@shared.model_options
@shared.batch_options
@click.version_option(VERSION, "-V", "--version", prog_name=PROGRAM)
@orderly_exit(PROGRAM)
def main(
    inputs: tuple[str, ...],
    output_file: str | None,
    output_dir: str | None,
    files_from: str | None,
    quality: int | None,
    max_bytes: int | None,
    effort: int,
    format: str | None,
    qr_binary: bool,
    qr_version: int | None,
    align: str | None,
    face: int | None,
    all_faces: bool,
    crop: str | None,
    keep_metadata: bool,
    keep_gps: bool,
    psnr: bool,
    identity: bool,
    min_psnr: float | None,
    max_identity_distance: float | None,
    model: str,
    device: str,
    **batch: Any,
) -> None:
    """Encode face photographs; INPUT is a file, with -r also a folder of images, or - for standard input.

    face.jpg becomes face.grain beside it, face.grain.png with --format png, or face.qr.png with --format qr. With two
    names, `photo.jpg out.grain`, the second one is the output.
    """
    options = shared.BatchOptions(**batch)
    elsewhere = (output_file or output_dir or files_from) is not None or options.recursive
    inputs, target = apart_from_target(with_listed(inputs, files_from), _is_target, elsewhere)
    output_file = output_file or target
    if quality is not None and max_bytes is not None:
        raise click.UsageError("--quality and --max-bytes contradict each other.")
    if keep_gps and not keep_metadata:
        raise click.UsageError("--keep-gps needs --keep-metadata.")
    format = format or qr.format_of(output_file)
    qr.check_qr_options(format, qr_binary, qr_version, quality is not None or max_bytes is not None)
    if qr_version is not None:
        max_bytes = qr.bytes_in_version(qr_version, qr_binary)
    # A QR code holds a .grain file.
    carrier = "grain" if format == "qr" else format
    _refuse_contradictions(align, face, all_faces, crop)
    if all_faces and (output_file is not None or STANDARD_STREAM in inputs):
        raise click.UsageError("--all-faces writes several files; name a folder with -O.")
    suffix = "-1" * all_faces + SUFFIXES[format]
    naming = Naming("image", is_photograph, lambda name: encoded_name(name, suffix))
    plan = plan_jobs(inputs, Outputs(output_file, output_dir), naming, options.recursive)

    from grain_codec.cli.batch.tasks.encode import EncodeTask

    task = EncodeTask(
        model=ModelChoice(name=model, device=device),
        settings=EncodeSettings(
            quality=settings.DEFAULT_QUALITY if quality is None else quality,
            max_bytes=max_bytes,
            effort=effort,
            carrier=carrier,
        ),
        align=align or settings.DEFAULT_ALIGNMENT,
        face=face,
        all_faces=all_faces,
        crop=crop,
        keep_metadata=keep_metadata,
        keep_gps=keep_gps,
        measures=figures.measures(psnr, identity, min_psnr, max_identity_distance, options.as_json),
        qr=qr.qr_picture(output_file, qr_binary) if format == "qr" else None,
    )
    run_and_exit(PROGRAM, plan, output_dir, task, options)


def _is_target(name: str) -> bool:
    """Tells whether a name is one that encoded files have; it may be a drawing of a QR code."""
    return is_encoded(name) or name.lower().endswith(".svg")


def _refuse_contradictions(align: str | None, face: int | None, all_faces: bool, crop: str | None) -> None:
    """Refuses options of the alignment that do not go together."""
    if face is not None and all_faces:
        raise click.UsageError("--face and --all-faces contradict each other.")
    aligning = align in ("auto", "always") or face is not None or all_faces
    if aligning and crop is not None:
        raise click.UsageError("--crop cuts pictures without looking for a face; alignment contradicts it.")
    if align == "never" and (face is not None or all_faces):
        raise click.UsageError("--face and --all-faces look for faces; --align never contradicts them.")


if __name__ == "__main__":
    main()
