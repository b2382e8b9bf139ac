"""The media type of a `.grain` file.

`register` adds it to Python's `mimetypes`. For other programs, the folder `mime` beside this file holds

    grain.xml      for desktops: `xdg-mime install --novendor grain.xml`
    grain.magic    for file(1): `file -m grain.magic FACE.grain`, or appended to ~/.magic
"""

import mimetypes
from pathlib import Path

MIME_TYPE = "image/x-grain-face"
SUFFIX = ".grain"

FOLDER = Path(__file__).parent / "mime"  # Where `grain.xml` and `grain.magic` are.


def register() -> None:
    """Adds the type and the suffix to Python's `mimetypes`; a second call changes nothing."""
    mimetypes.add_type(MIME_TYPE, SUFFIX)
