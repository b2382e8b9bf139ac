"""How many bytes LR images take that are coded without loss, measured on the thumbnails of faces.

    python -m grain_codec.benchmarks.lossless FACES

A model of the published kind stores its LR image so; thumbnails are what such an image is trained to look like.
"""

import io
from pathlib import Path

import click
import numpy as np
from PIL import Image

from grain_codec.codec import Pixels
from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.grain2022 import lossless


def stored_bytes(pixels: Pixels) -> dict[str, int]:
    """Bytes of an image uint8 `[16, 16, 3]` under each coder; of the others the whole file, metadata-free."""
    image = Image.fromarray(pixels)
    sizes = {"grain-codec payload": len(lossless.encode(pixels))}
    for name, options in (("PNG", {"optimize": True}), ("WEBP", {"lossless": True, "quality": 100, "method": 6})):
        written = io.BytesIO()
        image.save(written, name, **options)
        sizes[name] = len(written.getvalue())
    return sizes


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("faces", type=click.Path(exists=True, path_type=Path))
def main(faces: Path) -> None:
    """Print mean, smallest and largest size of the 16x16 thumbnails of FACES, a folder or tar shard."""
    rows = [stored_bytes(pixels) for pixels in read_face_set([faces], GRID).transpose(0, 2, 3, 1)]
    for name in rows[0]:
        sizes = [row[name] for row in rows]
        click.echo(f"{name:20} {np.mean(sizes):6.1f} bytes, {min(sizes)} to {max(sizes)}, {len(sizes)} faces")


if __name__ == "__main__":
    main()
