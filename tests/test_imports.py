"""What loads what: torch only for a network, and packages only the ones below them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grain_codec.formats.images.pictures
import numpy as np
import pytest

from grain_codec.codec import load_model

FORMATS = Path(grain_codec.formats.images.pictures.__file__).parent
FOLDERS = {
    "grain_codec": Path(grain_codec.__file__).parent,
    "grain_codec.formats": FORMATS,
    "grain_codec.benchmarks": FORMATS.parent / "benchmarks",
    "grain_codec.cli": FORMATS.parent / "cli",
}
LEVELS = {package: level for level, package in enumerate(FOLDERS)}

ALLOWED_UPWARD = {
    ("grain_codec.codec", "grain_codec.formats.container"),
    ("grain_codec.codec", "grain_codec.formats.png_carrier"),
    ("grain_codec.pictures", "grain_codec.formats.images.pictures"),
}
"""The codec knows its file formats, and what users hand over is read as their files are."""

ALLOWED_OUTSIDE = {("grain_codec.pictures", "PIL")}
"""The module that hands users the image types that they hold."""


def modules_after(statements: str, *arguments: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after some statements."""
    report = "print(*sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)), file=sys.stderr)"
    code = f"import sys\ntry:\n    {statements}\nexcept SystemExit as end:\n    assert not end.code, end.code\n{report}"
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.split())


def test_package_loads_no_torch() -> None:
    assert "torch" not in modules_after("import grain_codec")


@pytest.mark.parametrize("command", ["encode", "decode", "info", "weights", "bench"])
def test_help_loads_nothing_heavy(command: str) -> None:
    assert not modules_after(f"from grain_codec.cli.{command} import main; main()", "--help")


@pytest.mark.parametrize("carrier", ["grain", "png"])
def test_looking_into_a_file_loads_no_torch(tmp_path: Path, carrier: str) -> None:
    row, column = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([row // 4, column // 4, (row + column) // 8], -1).astype(np.uint8)
    encoded = tmp_path / "face.grain"
    encoded.write_bytes(load_model(device="cpu").encode_face(pixels, 1, None, carrier))
    assert "torch" not in modules_after("from grain_codec.cli.info import main; main()", str(encoded))
    thumbnail = ["--thumbnail", "-o", str(tmp_path / "thumbnail.png"), "--quiet"]
    assert "torch" not in modules_after("from grain_codec.cli.decode import main; main()", str(encoded), *thumbnail)
    assert (tmp_path / "thumbnail.png").exists()


def test_looking_into_a_file_of_the_published_kind_loads_no_torch(
    tmp_path: Path, small_weights: Path, small_face: np.ndarray
) -> None:
    encoded = tmp_path / "face.grain"
    encoded.write_bytes(load_model(str(small_weights), "cpu").encode_face(small_face))
    for program, arguments in (("info", [str(encoded), "-m"]), ("weights", ["info"])):
        statement = f"from grain_codec.cli.{program} import main; main()"
        assert "torch" not in modules_after(statement, *arguments, str(small_weights))


def sources() -> Iterator[tuple[str, str, Path]]:
    """Package of the folder, dotted module name and path of every source file."""
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield package, ".".join((package, *parts)).removesuffix(".__init__"), path


def imported_by(path: Path, module: str) -> Iterator[str]:
    """Full names of everything that a file imports, wherever in the file."""
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                ancestors = parent.split(".")
                base = ".".join([*ancestors[: len(ancestors) - node.level + 1], *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    """Whether a full name is a package or something in it."""
    return name == package or name.startswith(package + ".")


def level_of(name: str) -> int:
    """How high a project's module stands."""
    return max(level for package, level in LEVELS.items() if within(name, package))


def test_all_folders_are_found() -> None:
    assert {package for package, _, _ in sources()} == set(FOLDERS)


def test_no_package_imports_upward() -> None:
    wrong = [
        f"{module} imports {name}"
        for package, module, path in sources()
        for name in imported_by(path, module)
        if within(name, "grain_codec") and level_of(name) > LEVELS[package]
        if not any(module == importer and within(name, imported) for importer, imported in ALLOWED_UPWARD)
    ]
    assert not wrong


def test_codec_package_needs_no_click_and_no_pillow() -> None:
    wrong = [
        f"{module} imports {name}"
        for package, module, path in sources()
        for name in imported_by(path, module)
        if package == "grain_codec" and name.split(".")[0] in ("click", "PIL")
        if (module, name.split(".")[0]) not in ALLOWED_OUTSIDE
    ]
    assert not wrong
