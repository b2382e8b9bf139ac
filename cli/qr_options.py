"""The options of grain-encode for QR codes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from grain_codec.cli.exits import RunImpossible
from grain_codec.cli.options import Command, all_of
from grain_codec.settings import CARRIERS, MOST_QR_VERSION

if TYPE_CHECKING:
    from grain_codec.cli.batch.tasks.encode import QrPicture

FORMATS = (*CARRIERS, "qr")  # The choices of --format.


def qr_options(command: Command) -> Command:
    """The options that only QR codes have."""
    options = all_of(
        click.option("--qr-binary", is_flag=True, help="With --format qr: bytes in place of Base45 text."),
        click.option(
            "--qr-version",
            type=click.IntRange(1, MOST_QR_VERSION),
            metavar="V",
            help="With --format qr: best quality that fits in a QR code of version V, 1 to 40.",
        ),
    )
    return options(command)


def format_of(output_file: str | None) -> str:
    """The format of a target that the user has named, where --format is missing."""
    suffix = os.path.splitext(output_file or "")[1].lower()
    return {".png": "png", ".svg": "qr"}.get(suffix, "grain")


def check_qr_options(format: str, qr_binary: bool, qr_version: int | None, limited: bool) -> None:
    """Refuses options for QR codes that contradict others; `limited` says that there is a quality or a byte limit."""
    if format != "qr" and (qr_binary or qr_version is not None):
        raise click.UsageError("--qr-binary and --qr-version need --format qr.")
    if qr_version is not None and limited:
        raise click.UsageError("--qr-version sets the byte limit; --quality and --max-bytes contradict it.")


def qr_picture(output_file: str | None, binary: bool) -> QrPicture:
    """The way to write QR codes to a target, as its suffix asks for; PNG where it asks for nothing.

    Raises RunImpossible where the packages for QR codes are not installed.
    """
    from grain_codec.cli.batch.tasks.encode import QrPicture
    from grain_codec.formats import qr_carrier

    suffix = os.path.splitext(output_file or "")[1].lower()
    if suffix not in ("", *qr_carrier.PICTURES):
        raise click.UsageError(f"A QR code is written as {' or '.join(qr_carrier.PICTURES)}, not {suffix}.")
    try:
        qr_carrier.require_packages()
    except qr_carrier.QrMissing as error:
        raise RunImpossible(str(error)) from error
    return QrPicture(qr_carrier.PICTURES.get(suffix, "png"), binary)


def bytes_in_version(version: int, binary: bool) -> int:
    """The most bytes of a file in a QR code of a version."""
    from grain_codec.formats import qr_carrier

    return qr_carrier.capacity(version, binary)
