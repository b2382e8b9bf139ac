"""The files in the folders and wildcards that a command is given."""

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ENCODED_SUFFIXES = (".grain", ".grain.png", ".qr.png")
HEADER_BYTES = 24  # A PNG tells its size in so many.
MORE_IMAGE_SUFFIXES = {".gif", ".jfif", ".jp2", ".jpe"}
"""Suffixes of further images that cameras, phones and web sites save. Where Pillow cannot read one of them, the user
hears of a failed file, which would otherwise be passed over in silence."""


@dataclass(frozen=True)
class Listing:
    """The inputs that lie directly in one folder."""

    folder: str  # Its path.
    below: str  # Its path relative to the folder that the user named, "" for that folder itself.
    names: tuple[str, ...] = ()  # Names of the inputs, sorted.
    passed_over: int = 0  # Number of other files.
    error: OSError | None = field(default=None, compare=False)  # Why the folder could not be listed.


def is_photograph(name: str) -> bool:
    """Tells whether grain-encode takes a file of this name from a folder: it takes images, but no carriers."""
    from grain_codec.formats.images.face_sets import SUFFIXES

    lower = name.lower()
    return not is_encoded(lower) and os.path.splitext(lower)[1] in SUFFIXES | MORE_IMAGE_SUFFIXES


def is_encoded(name: str) -> bool:
    """Tells whether grain-decode takes a file of this name from a folder: those that grain-encode writes."""
    return name.lower().endswith(ENCODED_SUFFIXES)


def is_picture(path: str) -> bool:
    """Tells whether grain-decode writes pictures under such a name; a carrier that exists is an input."""
    from grain_codec.formats.images.writing import FORMATS

    return not is_encoded(path) and os.path.splitext(path.lower())[1] in FORMATS and not _is_carrier(path)


def _is_carrier(path: str) -> bool:
    """Tells whether there is a PNG of 16x16 pixels."""
    from grain_codec.formats.png_carrier import has_carrier_size

    try:
        with open(path, "rb") as file:
            return has_carrier_size(file.read(HEADER_BYTES))
    except OSError:
        return False


def expand_wildcards(argument: str) -> list[str]:
    """The paths that an argument matches, sorted, since some shells leave wildcards to programs.

    An argument that matches nothing, or is itself the name of a file, stands for itself.

    Example: "photos/*.jpg" -> ["photos/anna.jpg", "photos/ben.jpg"]
    """
    if not glob.has_magic(argument) or os.path.lexists(argument):
        return [argument]
    return sorted(glob.glob(argument, recursive=True)) or [argument]


def walk(root: str, accepts: Callable[[str], bool]) -> Iterator[Listing]:
    """All folders of a tree, in sorted order, parents first.

    A link to a file counts as a file; a link to a folder is not followed. Pipes and devices are no inputs.
    """
    waiting = [""]
    while waiting:
        below = waiting.pop()
        folder = os.path.join(root, below) if below else root
        try:
            listing, folders = _list(folder, below, accepts)
        except OSError as error:
            yield Listing(folder, below, error=error)
            continue
        yield listing
        waiting.extend(os.path.join(below, name) for name in sorted(folders, reverse=True))


def _list(folder: str, below: str, accepts: Callable[[str], bool]) -> tuple[Listing, list[str]]:
    """The inputs in one folder, and the names of the folders in it."""
    names, folders, passed_over = [], [], 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif accepts(entry.name) and _is_file_or_broken_link(entry):
                names.append(entry.name)
            else:
                passed_over += 1
    return Listing(folder, below, tuple(sorted(names)), passed_over), folders


def _is_file_or_broken_link(entry: os.DirEntry[str]) -> bool:
    """Tells whether to open an entry of a folder; includes broken links, so that the user hears of them."""
    try:
        return entry.is_file() or not os.path.exists(entry.path)
    except OSError:  # A link to itself.
        return True
