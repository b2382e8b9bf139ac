"""The codec in other programs: Pillow, imageio, and the media type of `.grain` files."""

from grain_codec.formats.plugins.imageio_plugin import register_imageio
from grain_codec.formats.plugins.pillow_plugin import register_grain_opener

__all__ = ["register_grain_opener", "register_imageio"]
