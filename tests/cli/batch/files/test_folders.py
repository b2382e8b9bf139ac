"""What is taken out of a tree: by suffix, links to files but not to folders, never a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from grain_codec.cli.batch.files.folders import expand_wildcards, is_encoded, is_photograph, walk


def taken(root: Path) -> list[str]:
    """Paths of the images of a tree, relative to it."""
    return [
        Path(os.path.join(listing.below, name)).as_posix()
        for listing in walk(str(root), is_photograph)
        for name in listing.names
    ]


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "b.png", "c.tif", "d.webp", "e.avif", "f.heic"])
def test_photographs(name: str) -> None:
    assert is_photograph(name) and not is_encoded(name)


@pytest.mark.parametrize("name", ["a.grain", "a.grain.png", "A.GRAIN.PNG"])
def test_encoded_files_are_no_photographs(name: str) -> None:
    assert is_encoded(name) and not is_photograph(name)


@pytest.mark.parametrize("name", ["notes.txt", "jpg", ".jpg", "a.jpg.txt", "a.mp4", ".grain-codec-abc.part"])
def test_other_files(name: str) -> None:
    assert not is_photograph(name) and not is_encoded(name)


def test_trees_are_sorted_parents_first(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "z/b.jpg", "z/a.jpg", "m/n/o.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert taken(tmp_path) == ["a.jpg", "b.jpg", "m/n/o.jpg", "z/a.jpg", "z/b.jpg"]


def test_links_to_files_are_taken_and_links_to_folders_are_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    (root / "below" / "face.jpg").touch()
    (root / "below" / "up.jpg").symlink_to(root)
    (root / "around").symlink_to(root)
    (root / "file.jpg").symlink_to(root / "below" / "face.jpg")
    (root / "broken.jpg").symlink_to(root / "nowhere.jpg")
    (root / "itself.jpg").symlink_to(root / "itself.jpg")
    assert taken(root) == ["broken.jpg", "file.jpg", "itself.jpg", "below/face.jpg"]


def test_pipes_and_folders_named_like_images_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "folder.jpg" / "face.jpg").touch()
    (listing, below) = walk(str(tmp_path), is_photograph)
    assert (listing.names, listing.passed_over) == ((), 1)
    assert below.names == ("face.jpg",)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = b"Zo\xeb.jpg"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
        pass
    assert [os.fsencode(found) for found in taken(tmp_path)] == [name]
    assert [os.path.basename(os.fsencode(found)) for found in expand_wildcards(f"{tmp_path}/*.jpg")] == [name]


def test_a_folder_that_cannot_be_listed_does_not_hide_the_others(tmp_path: Path) -> None:
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.jpg").touch()
    (tmp_path / "closed").chmod(0)
    # Root may list everything; nobody may not.
    script = (
        "import os, sys\n"
        "from grain_codec.cli.batch.files.folders import is_photograph, walk\n"
        "is_photograph('what it imports may be in a folder of root')\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for listing in walk(sys.argv[1], is_photograph): print(listing.below, listing.names, listing.error)\n"
    )
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    (tmp_path / "closed").chmod(0o700)
    if ended.returncode:
        reason = ended.stderr.splitlines()[-1:] or [f"exit status {ended.returncode}"]
        pytest.skip(f"another user cannot run Python here: {reason[0]}")
    lines = ended.stdout.splitlines()
    assert lines[1].startswith("closed () [Errno 13] Permission denied")
    assert lines[2] == "open ('face.jpg',) None"
