"""What setup.cfg says is installed is all that the packages consist of."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from grain_codec.errors import install_command

ROOT = Path(__file__).resolve().parent.parent
NOT_INSTALLED = ("benchmarks/results/",)


def read_setup() -> ConfigParser:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def lines_of(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def package_folders() -> dict[str, Path]:
    """The folder of each package that setup.cfg maps to one."""
    mapped = (line.split(" = ") for line in lines_of(read_setup()["options"]["package_dir"]))
    return {package: ROOT / folder for package, folder in mapped}


def folder_of(package: str) -> Path:
    """The folder of any package, by the longest package above it that setup.cfg maps to a folder."""
    folders = package_folders()
    above = max((name for name in folders if f"{package}.".startswith(f"{name}.")), key=len)
    return folders[above].joinpath(*package[len(above) :].strip(".").split("."))


def files() -> Iterator[tuple[str, Path]]:
    """Every file that belongs to a package, with the dotted name of its folder."""
    for package, folder in package_folders().items():
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not relative.startswith(NOT_INSTALLED):
                yield ".".join((package, *path.parent.relative_to(folder).parts)), path


def test_all_packages_are_listed() -> None:
    listed = lines_of(read_setup()["options"]["packages"])
    assert len(listed) == len(set(listed))
    assert set(listed) == {package for package, path in files() if path.name == "__init__.py"}


def test_all_sources_are_in_a_package() -> None:
    listed = lines_of(read_setup()["options"]["packages"])
    assert not [path for package, path in files() if path.suffix == ".py" and package not in listed]


def test_all_data_files_are_listed() -> None:
    patterns = {
        package: [pattern.strip() for pattern in value.split(",")]
        for package, value in read_setup()["options.package_data"].items()
    }
    listed = {
        path
        for package, folder_patterns in patterns.items()
        for pattern in folder_patterns
        for path in folder_of(package).glob(pattern)
    }
    data = {path for _, path in files() if path.suffix != ".py"}
    assert data <= listed
    assert all(any(folder_of(package).glob(pattern)) for package in patterns for pattern in patterns[package])


def test_commands_that_install_an_extra_name_its_packages() -> None:
    assert install_command("train") == 'pip install "tensorboard>=2"'
    assert install_command("identity") == 'pip install "dlib-bin>=19.24" "face-recognition-models>=0.3"'
    assert install_command("unknown") == 'pip install ".[unknown]"'
