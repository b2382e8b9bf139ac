"""README and docs: links lead somewhere, paths and modules that are named exist, and the examples run."""

from __future__ import annotations

import doctest
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import grain_codec

ROOT = Path(__file__).resolve().parent.parent
README, CHANGELOG = ROOT / "README.md", ROOT / "CHANGELOG.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
    ROOT / "grain_codec/zoo/MODEL_CARD.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks/results").glob("*.md")),
]
"""All pages but the changelog, which names what no longer exists."""

MOST_LINES_OF_README = 130
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:[\w.-]+/)+(?:[\w.-]+)?|[\w-]+\.(?:py|sh|cfg|toml)")
MODULE = re.compile(r"\bgrain_codec(?:\.[A-Za-z]\w*)+")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NO_PATHS_HERE = ("demo/", ".venv/", "image/")
"""Beginnings of what commands make, and of media types."""


def pages_with(pattern: str) -> list[Path]:
    return [page for page in PAGES if pattern in page.read_text(encoding="utf-8")]


def each(pages: list[Path]) -> Any:
    """Runs a test once for each page, under the page's name."""
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.relative_to(ROOT).as_posix())


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_README


@each([*PAGES, CHANGELOG])
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), link
        assert not anchor or anchor in anchors_of(linked), link


@each(PAGES)
def test_paths_exist(page: Path) -> None:
    for path in CODE.findall(page.read_text(encoding="utf-8")):
        if PATH.fullmatch(path) and not path.startswith(NO_PATHS_HERE):
            folders = (ROOT, ROOT / "grain_codec", page.parent)
            assert any((folder / path).exists() for folder in folders), path


@each(PAGES)
def test_modules_exist(page: Path) -> None:
    for name in MODULE.findall(page.read_text(encoding="utf-8")):
        pkgutil.resolve_name(name)


@each(pages_with("```python\n"))
def test_examples_run(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples/anna.jpg", tmp_path / "face.jpg")
    script = "\n".join(PYTHON.findall(page.read_text(encoding="utf-8")))
    # In a process of its own, since the examples register file formats.
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_reference_is_made_from_the_docstrings() -> None:
    """`python tools/api_reference.py` makes it anew."""
    program = runpy.run_path(str(ROOT / "tools/api_reference.py"))
    assert (ROOT / "docs/reference.md").read_text(encoding="utf-8") == program["page"]()
    assert set(program["PUBLIC"]["grain_codec"]) == set(grain_codec.__all__) - {"__version__"}


@each(pages_with(">>> "))
def test_printed_examples_print_what_they_say(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried and not failed
