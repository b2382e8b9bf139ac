"""What a missing package of the report is told as, and that the tables need none of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grain_codec.benchmarks.report import requirements
from grain_codec.errors import install_command


def test_nothing_is_missing_here():
    assert requirements.missing_packages() is None


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(requirements, "PACKAGES", ("jinja2", "no_such_package"))
    message = requirements.missing_packages()
    assert message == f"report.html and plot.png need no_such_package: {install_command('bench')}"


def test_measuring_and_tables_load_no_matplotlib_and_drawing_no_pyplot():
    code = (
        "import sys\nimport grain_codec.benchmarks.runs.run\nassert 'matplotlib' not in sys.modules\n"
        "import grain_codec.benchmarks.report.report\nassert 'matplotlib.pyplot' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
