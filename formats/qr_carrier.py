"""The QR code: a .grain file as a symbol that is printed, and read again from a photograph or a scan of it.

The symbol holds the bytes of one `.grain` file and nothing else, in one of two ways:

    Base45   RFC 9285 writes two bytes as three of the 45 characters of QR's alphanumeric mode, in 16.5 bits. Every
             scanner passes such a text on, and the text itself is read too
    bytes    QR's byte mode, 3 % smaller; scanners that expect text may spoil it

The smallest version that holds the file at error correction L is taken, and then the highest error correction that this
version has room for. Needs the extra "qr": base45, segno to write, zxing-cpp to read.
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from grain_codec.coding.grid import GRID
from grain_codec.errors import GrainError, NotGrain, TooLarge, install_command
from grain_codec.formats import container, png_carrier
from grain_codec.formats.images.reading import is_picture, read_photo
from grain_codec.settings import MOST_QR_VERSION

PICTURES = {".png": "png", ".svg": "svg"}  # The kind of picture that is written, by suffix.
MODULE_PIXELS = 8  # Side of a module in a PNG.
QUIET_ZONE = 4  # Width of the white margin in modules, as the standard asks for.
MOST_TEXT = 4296 + 2  # Characters of the longest text in a QR code, and of a line break after it.

_DATA_CODEWORDS = (
    19, 34, 55, 80, 108, 136, 156, 194, 232, 274, 324, 370, 428, 461, 523, 589, 647, 721, 795, 861,
    932, 1006, 1094, 1174, 1276, 1370, 1468, 1531, 1631, 1735, 1843, 1955, 2071, 2191, 2306, 2434, 2566, 2702, 2812,
    2956,
)  # fmt: skip
"""Bytes for mode, length and content that each version has at error correction L (ISO/IEC 18004, table 7)."""

_BASE45 = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


class QrMissing(GrainError):
    """The packages that write or read QR codes are not installed."""


@dataclass(frozen=True)
class Symbol:
    """A QR code that was written."""

    picture: bytes  # The PNG or SVG.
    version: int  # 1 to MOST_QR_VERSION.
    error_correction: str  # "L", "M", "Q" or "H".


def require_packages(for_what: str = "QR codes") -> None:
    """Raises QrMissing, which names the command that installs them, unless the packages of the extra are there."""
    if not all(map(find_spec, ("base45", "segno", "zxingcpp"))):
        raise QrMissing(f"{for_what} need more packages: {install_command('qr')}")


def capacity(version: int, binary: bool = False) -> int:
    """Bytes of the largest file that a symbol of a version holds, in Base45 or in byte mode, with correction L."""
    bits = 8 * _DATA_CODEWORDS[version - 1] - 4
    if binary:
        return (bits - (8 if version < 10 else 16)) // 8
    bits -= 9 if version < 10 else 11 if version < 27 else 13
    characters = bits // 11 * 2 + (bits % 11 >= 6)
    return characters // 3 * 2 + (characters % 3 == 2)


def pack(file: bytes, kind: str = "png", binary: bool = False) -> Symbol:
    """The QR code of a `.grain` file as one of the kinds in PICTURES.

    Raises QrMissing, and TooLarge where no version holds the file.
    """
    require_packages()
    import base45
    import segno

    most = capacity(MOST_QR_VERSION, binary)
    if len(file) > most:
        raise TooLarge(f"{len(file)} bytes are too many for a QR code, which holds {most} at most")
    content, mode = (file, "byte") if binary else (base45.b45encode(file).decode(), "alphanumeric")
    code = segno.make(content, error="l", mode=mode, micro=False, boost_error=True)
    written = io.BytesIO()
    code.save(written, kind=kind, scale=MODULE_PIXELS, border=QUIET_ZONE)
    return Symbol(written.getvalue(), int(code.version), str(code.error))


def carried(data: bytes, name: str) -> bytes:
    """The encoded face in any bytes: themselves, or what they hold as Base45 text or in the picture of a QR code.

    Bytes that are neither are returned as they are, for the readers of the other carriers to refuse. Raises NotGrain
    for a picture without a QR code of a face, BadImage for one that is damaged or too large, and QrMissing where a
    picture or a text cannot be read for want of packages.
    """
    if data.startswith(container.MAGIC) or png_carrier.has_carrier_size(data):
        return data
    face = _face_in_text(data)
    if face is not None:
        return face
    if not is_picture(data):
        return data
    require_packages(f"pictures other than {GRID}x{GRID} carriers are read as QR codes, which")
    return _face_in_picture(read_photo(data, name))


def _face_in_picture(pixels: np.ndarray) -> bytes:
    """The one .grain file in the QR codes of a picture, uint8 `[height, width, 3]`."""
    import zxingcpp

    found = zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormat.QRCode)
    faces = {face for face in (_face_in_code(code.bytes) for code in found) if face is not None}
    if len(faces) == 1:
        return faces.pop()
    height, width = pixels.shape[:2]
    what = f"the picture of {width}x{height} pixels"
    if faces:
        raise NotGrain(f"{what} has QR codes of {len(faces)} faces; cut one out")
    reason = "its QR code holds something else than a face" if found else "no QR code can be read in it"
    raise NotGrain(f"{what} is no {GRID}x{GRID} carrier image, and {reason}")


def _face_in_code(content: bytes) -> bytes | None:
    """The .grain file in the content of a QR code, in either way of writing; None where it is something else."""
    return content if content.startswith(container.MAGIC) else _face_in_text(content)


def _face_in_text(text: bytes) -> bytes | None:
    """The .grain file that a text of Base45 stands for; None where it is something else."""
    text = text.rstrip(b"\r\n") if len(text) <= MOST_TEXT else b""
    if not text or not _BASE45.issuperset(text):
        return None
    require_packages()
    import base45

    try:
        face: bytes = base45.b45decode(text)
    except ValueError:
        return None
    return face if face.startswith(container.MAGIC) else None
