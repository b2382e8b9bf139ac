"""A check that the packages that draw the report are installed. This module itself needs none of them."""

from importlib.util import find_spec

from grain_codec.errors import install_command

PACKAGES = ("jinja2", "matplotlib")


def missing_packages() -> str | None:
    """A sentence that says what the report lacks and how to install it, or None if nothing is missing."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if not missing:
        return None
    return f"report.html and plot.png need {' and '.join(missing)}: {install_command('bench')}"
