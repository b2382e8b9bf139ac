"""`.grain` files for imageio, through its Pillow plugin.

    register_imageio()
    pixels = imageio.v3.imread("face.grain")
    data = imageio.v3.imwrite("<bytes>", pixels, extension=".grain", max_bytes=300)

Options and errors are those of `pillow_plugin`. Where writing fails, imageio leaves an empty file behind, as it does
for other formats.
"""

from grain_codec.formats.plugins.mime_type import SUFFIX
from grain_codec.formats.plugins.pillow_plugin import DESCRIPTION, FORMAT, register_grain_opener


def register_imageio() -> None:
    """Lets imageio read and write `.grain` files; a second call changes nothing.

    Raises:
        ImportError: imageio is not installed.
    """
    from imageio.config import FileExtension, known_extensions

    register_grain_opener()
    # Without an entry imageio tries all its backends, and it finds none for "<bytes>".
    known_extensions.setdefault(
        SUFFIX, [FileExtension(name=FORMAT, extension=SUFFIX, priority=["pillow"], description=DESCRIPTION)]
    )
