"""Packages that parts of a benchmark need and that not everybody has installed."""

from importlib.util import find_spec

from grain_codec.errors import GrainError, install_command


class PackageMissing(GrainError):
    """Something needs an optional package that is not installed; the text names the command that installs it."""


def installed(*packages: str) -> bool:
    """Tells whether all of the packages can be imported, without importing any of them."""
    return all(find_spec(package) is not None for package in packages)


def require(reason: str, extra: str, *packages: str) -> None:
    """Refuses to go on without packages.

    Args:
        reason: what needs them, as the beginning of a sentence.
        extra: the extra of this project that installs them.

    Raises:
        PackageMissing: one of them is not installed.
    """
    if not installed(*packages):
        raise PackageMissing(f"{reason}: {install_command(extra)}")
