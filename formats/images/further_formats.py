"""Formats that Pillow reads with further packages: HEIC and JPEG XL.

The packages are loaded for files of these formats only.
"""

from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from grain_codec.errors import BadImage

JXL_CODESTREAM = b"\xff\x0a"
JXL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height of a JPEG XL picture, by the three bits of its header that may stand for the width."""


def enable_format(source: bytes, name: str, check_size: Callable[[int, int], None]) -> None:
    """Teaches Pillow to read a file, where that takes a further package.

    Args:
        source: the file's bytes.
        name: what error texts call the file.
        check_size: is called with width and height where opening the file would decode it.

    Raises:
        BadImage: the package is missing, or the header is damaged; the text begins with `name`.
        Exception: what `check_size` raises.
    """
    is_jxl = source.startswith((JXL_CODESTREAM, JXL_CONTAINER))
    if is_jxl:
        try:
            width, height = jxl_size(source)
        except (IndexError, ValueError) as error:
            raise BadImage(f"{name}: damaged picture: the JPEG XL header ends too early") from error
        check_size(width, height)
    try:
        if is_jxl:
            _enable_jxl()
        elif source[4:8] == b"ftyp":
            _enable_heic()
    except ImportError as error:
        raise BadImage(f"{name}: reading this format needs {error.name}, which is not installed") from error


def is_upright_by_itself(image: Image.Image) -> bool:
    """Tells whether a decoder has turned the pixels already, whatever EXIF says: that of JPEG XL does.

    A JPEG that is stored as JPEG XL without loss comes back as the JPEG that it was.
    """
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def jxl_size(source: bytes) -> tuple[int, int]:
    """Width and height by the header of a JPEG XL file (ISO/IEC 18181-1, "Image size"; 18181-2 has the container).

    Raises:
        IndexError, ValueError: the file holds no such header.
    """
    codestream = source if source.startswith(JXL_CODESTREAM) else _jxl_codestream(source)
    header = int.from_bytes(codestream[2:12], "little")
    if len(codestream) < 12:
        raise ValueError("too short")

    def take(bits: int) -> int:
        nonlocal header
        value = header & ((1 << bits) - 1)
        header >>= bits
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    across, down = _RATIOS[ratio]
    return (side() if ratio == 0 else height * across // down), height


def _jxl_codestream(source: bytes) -> bytes:
    """The beginning of the picture in the boxes of a container; raises ValueError where there is none."""
    at = 0
    while at + 16 <= len(source):
        length, kind = int.from_bytes(source[at : at + 4], "big"), source[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(source[at + 8 : at + 16], "big"), 16
        # A picture in parts has the number of the part first.
        start = at + head + 4 * (kind == b"jxlp")
        if kind in (b"jxlc", b"jxlp"):
            return source[start : start + 16]
        if length < head:
            break
        at += length
    raise ValueError("no codestream")


@lru_cache(maxsize=1)
def _enable_jxl() -> None:
    import pillow_jxl  # noqa: F401


@lru_cache(maxsize=1)
def _enable_heic() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
