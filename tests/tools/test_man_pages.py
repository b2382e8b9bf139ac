"""The manual pages: not stale, installed, and readable by man."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "man"
PROGRAM = runpy.run_path(str(ROOT / "tools/man_pages.py"))


@pytest.mark.skipif(
    f"click=={version('click')}" not in (ROOT / "constraints.txt").read_text(),
    reason="other releases of click word their help differently",
)
def test_the_pages_are_those_of_the_commands() -> None:
    """`make man` writes them anew."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == PROGRAM["all_pages"]()


def test_setup_installs_them_where_man_looks() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert set(ROOT.glob(setup["options.data_files"]["share/man/man1"])) == set(FOLDER.iterdir())


def test_nothing_in_a_text_is_a_request_to_roff() -> None:
    assert PROGRAM["escaped"](".grain files\nand \\n\n'quoted'\n-q") == "\\&.grain files\nand \\en\n\\&'quoted'\n\\-q"


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_pages_are_shown_in_full_and_without_warnings() -> None:
    line = ["groff", "-man", "-Tascii", "-ww", "-rLL=200n", "-P-cbou", str(FOLDER / "grain-encode.1")]
    shown = subprocess.run(line, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    for text in ("--max-bytes", "face.jpg becomes face.grain", '"bytes_in"', "Exit codes: 0 all done", "--help"):
        assert text in shown.stdout
