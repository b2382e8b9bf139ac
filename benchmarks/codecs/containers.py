"""The size of the picture in a WebP, AVIF or HEIC file, for users who embed pictures and need no container."""

from collections.abc import Iterator


def webp_payload_bytes(data: bytes) -> int:
    """The content of a WebP file's picture chunks.

    RIFF header of 12 bytes, then chunks of tag, little-endian length and content, padded to even length
    (Google, "WebP Container Specification"). Only the chunks that hold samples count.
    """
    position, total = 12, 0
    while position + 8 <= len(data):
        tag, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        total += length if tag in (b"VP8 ", b"VP8L", b"ALPH") else 0
        position += 8 + length + length % 2
    return total


def media_data_bytes(data: bytes) -> int:
    """The content of an AVIF or HEIC file's mdat boxes: the coded picture (ISO/IEC 14496-12, 4.2)."""
    return sum(length for tag, length in _boxes(data) if tag == b"mdat")


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Tag and content length of every box at the top level."""
    position = 0
    while position + 8 <= len(data):
        length, tag, head = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        elif length == 0:
            length = len(data) - position
        if length < head:
            return
        yield tag, length - head
        position += length
