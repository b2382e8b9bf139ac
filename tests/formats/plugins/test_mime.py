"""What other programs are told about `.grain` files agrees with the container."""

from __future__ import annotations

import mimetypes
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grain_codec.formats import container
from grain_codec.formats.plugins import mime_type

XMLNS = {"mime": "http://www.freedesktop.org/standards/shared-mime-info"}
FACE = container.pack(container.StoredFace(22, bytes.fromhex("a1b2c3"), b"face"))
WITH_EXIF = container.pack(
    container.StoredFace(7, bytes.fromhex("0a0b0c"), b"face", (container.Chunk(container.EXIF, b"II"),))
)


def ask_file(tmp_path: Path, data: bytes, *options: str) -> str:
    """What file(1) prints for some bytes when it knows only our magic."""
    path = tmp_path / "face"
    path.write_bytes(data)
    command = ["file", "--brief", *options, "-m", str(mime_type.FOLDER / "grain.magic"), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not ended.stderr
    return ended.stdout.strip()


needs_file = pytest.mark.skipif(shutil.which("file") is None, reason="the command file(1) is not installed")


@needs_file
def test_file_knows_a_face(tmp_path: Path):
    assert ask_file(tmp_path, FACE) == "grain-codec face, version 1, fine quality 22, weights a1b2c3"
    assert ask_file(tmp_path, WITH_EXIF).endswith("fine quality 7, weights 0a0b0c, with metadata")
    assert ask_file(tmp_path, FACE, "--mime-type") == mime_type.MIME_TYPE
    assert ask_file(tmp_path, FACE, "--extension") == "grain"


@needs_file
def test_file_says_no_more_than_the_version_of_other_versions(tmp_path: Path):
    assert ask_file(tmp_path, FACE[:4] + b"\x20" + FACE[5:]) == "grain-codec face, version 2"


@needs_file
@pytest.mark.parametrize("data", [b"\x8aGR", b"\x89PNG\r\n\x1a\n", b"text\n"])
def test_file_takes_nothing_else_for_a_face(tmp_path: Path, data: bytes):
    assert "grain" not in ask_file(tmp_path, data)


def test_the_desktop_description_agrees_with_the_container():
    root = ElementTree.parse(mime_type.FOLDER / "grain.xml").getroot()
    (described,) = root.findall("mime:mime-type", XMLNS)
    assert described.get("type") == mime_type.MIME_TYPE
    assert [glob.get("pattern") for glob in described.findall("mime:glob", XMLNS)] == ["*" + mime_type.SUFFIX]
    (match,) = described.findall("mime:magic/mime:match", XMLNS)
    assert (match.get("type"), match.get("offset")) == ("string", "0")
    assert match.get("value").encode().decode("unicode_escape").encode("latin-1") == container.MAGIC


@pytest.mark.skipif(shutil.which("update-mime-database") is None, reason="update-mime-database is not installed")
def test_the_desktop_description_compiles(tmp_path: Path):
    packages = tmp_path / "packages"
    packages.mkdir()
    shutil.copy(mime_type.FOLDER / "grain.xml", packages)
    subprocess.run(["update-mime-database", str(tmp_path)], capture_output=True, check=True)
    assert container.MAGIC in (tmp_path / "magic").read_bytes()
    assert f"{mime_type.MIME_TYPE}:*{mime_type.SUFFIX}" in (tmp_path / "globs").read_text()


def test_python_knows_the_type_once_told():
    for _ in range(2):
        mime_type.register()
    assert mimetypes.guess_type("face.grain") == (mime_type.MIME_TYPE, None)
    assert mimetypes.guess_all_extensions(mime_type.MIME_TYPE) == [mime_type.SUFFIX]
