"""Importing this module makes Pillow read and write `.grain` files, as its own plugins do."""

from grain_codec.formats.plugins.pillow_plugin import register_grain_opener

register_grain_opener()
