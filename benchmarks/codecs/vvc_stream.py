"""The units of an H.266/VVC stream, and a still's file without the units that all stills of its size share.

An encoder writes the same sequence and picture parameter sets (SPS, PPS) for all stills of one size that it encodes
with the same settings; the quantiser is named in the slice. Who writes and who reads can therefore agree on them
beforehand. What is left is a file of its own here: four bytes, then the other units. Section and type numbers are those
of ITU-T H.266.
"""

from struct import Struct

START_CODE = b"\0\0\1"
SLICE, SEQUENCE_SET, PICTURE_SET, ADAPTATION_SET = 8, 15, 16, 17  # IDR_N_LP, SPS_NUT, PPS_NUT, PREFIX_APS_NUT; Table 5.

HEAD = Struct(">HH")  # Side of the picture in pixels, and the number of bytes that follow.
UNIT_HEADER = 2  # Bytes; they name the unit's type, and are otherwise the same in all units of a still (7.3.1.2).


class BadStream(ValueError):
    """This is not the stream of one still as it is expected."""


def units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream, each with its header; zeros around start codes belong to none (Annex B)."""
    before, *found = stream.split(START_CODE)
    found = [unit.rstrip(b"\0") for unit in found]
    if before.strip(b"\0") or not found or any(len(unit) <= UNIT_HEADER for unit in found):
        raise BadStream("not a stream of NAL units")
    return found


def unit_type(unit: bytes) -> int:
    """The type of a unit, by its header."""
    return unit[1] >> 3


def parameter_sets(stream: bytes) -> tuple[bytes, ...]:
    """The SPS and PPS of a stream."""
    return tuple(unit for unit in units(stream) if unit_type(unit) in (SEQUENCE_SET, PICTURE_SET))


def without_parameter_sets(stream: bytes, side: int, agreed: tuple[bytes, ...]) -> bytes:
    """The file of a still whose parameter sets are agreed on.

    After four bytes it holds the adaptation parameter sets, if there are any, and the slice, without unit headers; a
    start code stands between two of them.

    Raises:
        BadStream: the stream's parameter sets are others, or it has units of other types.
    """
    if parameter_sets(stream) != agreed:
        raise BadStream("the parameter sets are not those that were agreed on")
    *sets, last = units(stream)[len(agreed) :]
    if unit_type(last) != SLICE or any(unit_type(unit) != ADAPTATION_SET for unit in sets):
        raise BadStream(f"units of the types {[unit_type(unit) for unit in (*sets, last)]} are not those of a still")
    if any(unit[:UNIT_HEADER] != _header(unit_type(unit)) for unit in (*sets, last)):
        raise BadStream("a unit's header says more than its type")
    body = START_CODE.join(unit[UNIT_HEADER:] for unit in (*sets, last))
    return HEAD.pack(side, len(body)) + body


def side_of(data: bytes) -> int:
    """The side in pixels of the picture in a file that `without_parameter_sets` made."""
    if len(data) <= HEAD.size:
        raise BadStream("too short")
    side: int = HEAD.unpack_from(data)[0]
    return side


def with_parameter_sets(data: bytes, agreed: tuple[bytes, ...]) -> bytes:
    """The stream of a file that `without_parameter_sets` made, for any decoder."""
    side_of(data)
    length, body = HEAD.unpack_from(data)[1], data[HEAD.size :]
    if length != len(body):
        raise BadStream(f"{len(body)} bytes where {length} were announced")
    *sets, last = body.split(START_CODE)
    restored = [_header(ADAPTATION_SET) + content for content in sets] + [_header(SLICE) + last]
    return b"".join(START_CODE + unit for unit in (*agreed, *restored))


def _header(kind: int) -> bytes:
    """The header of a unit in layer 0 and temporal layer 0 (7.3.1.2)."""
    return bytes((0, kind << 3 | 1))
