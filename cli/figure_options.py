"""The options of grain-encode that measure how near an encoded face comes to its photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grain_codec.cli.exits import RunImpossible
from grain_codec.cli.options import Command, all_of

if TYPE_CHECKING:
    from grain_codec.cli.batch.tasks.figures import Measures


def figure_options(command: Command) -> Command:
    """The options that `measures` takes."""
    options = all_of(
        click.option("--psnr", is_flag=True, help="Tell the PSNR in dB of `rescaled` against the aligned face."),
        click.option(
            "--identity",
            is_flag=True,
            help="Tell the distance of dlib's face recogniser between the decoded face and the aligned one; takes "
            "seconds, and one person is below 0.6.",
        ),
        click.option(
            "--min-psnr", type=click.FloatRange(min=0), metavar="DB", help="Refuse a face whose PSNR is below DB."
        ),
        click.option(
            "--max-identity-distance",
            type=click.FloatRange(min=0),
            metavar="D",
            help="Refuse a face whose identity distance is above D.",
        ),
    )
    return options(command)


def measures(
    psnr: bool, identity: bool, min_psnr: float | None, max_identity_distance: float | None, as_json: bool
) -> Measures:
    """What is measured: what the options ask for, and with --json always the PSNR.

    Raises RunImpossible where the packages for the identity distance are not installed.
    """
    from grain_codec.cli.batch.tasks.figures import Measures

    identity = identity or max_identity_distance is not None
    if identity:
        _require_packages()
    return Measures(
        psnr=psnr or min_psnr is not None or as_json,
        identity=identity,
        least_psnr=min_psnr,
        most_distance=max_identity_distance,
    )


def _require_packages() -> None:
    """Raises RunImpossible where the packages for the identity distance are not installed."""
    from grain_codec.benchmarks.metrics.identity import require_packages
    from grain_codec.benchmarks.packages import PackageMissing

    try:
        require_packages()
    except PackageMissing as error:
        raise RunImpossible(str(error)) from error
