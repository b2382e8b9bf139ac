"""The .grain container: what it holds, and that it refuses everything else."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grain_codec.errors import BadImage, Corrupt, GrainError, NotGrain, Truncated, UnsupportedVersion
from grain_codec.formats import container
from grain_codec.formats.container import Chunk, StoredFace, describe, pack, unpack

PLAIN = StoredFace(22, b"\xa1\xb2\xc3", b"face")
WITH_EXIF = StoredFace(22, b"\xa1\xb2\xc3", b"face", (Chunk(container.EXIF, b"II"),))
FACES = {
    "empty payload": StoredFace(0, b"\0\0\0", b""),
    "plain": PLAIN,
    "longest payload": StoredFace(255, b"\xff\xff\xff", bytes(range(255, -1, -1)) * 2 + b"x" * 256),
    "chunk": WITH_EXIF,
    "chunks": StoredFace(47, b"\0\1\0", b"\7" * 300, (Chunk(0x02, b""), Chunk(0x06, b"x" * 130), Chunk(0xFE, b"\0"))),
}
PLAIN_HEADER = bytes.fromhex("8a47524e 10 16 a1b2c3")
CHUNKED_HEADER = bytes.fromhex("8a47524e 11 16 a1b2c3")

payloads = st.binary(max_size=container.MOST_PAYLOAD).map(lambda data: data.rstrip(b"\0"))
chunk_sets = st.dictionaries(st.integers(0, 127).map(lambda half: 2 * half), st.binary(max_size=300), max_size=4)
faces = st.builds(
    lambda quality, fingerprint, payload, chunks, grey: StoredFace(
        quality, fingerprint, payload, tuple(Chunk(tag, chunks[tag]) for tag in sorted(chunks)), grey
    ),
    st.integers(0, 255),
    st.binary(min_size=3, max_size=3),
    payloads,
    chunk_sets,
    st.booleans(),
)


def seal(content: bytes) -> bytes:
    """The content followed by its checksum, computed without the module under test."""
    return content + (zlib.crc32(content) & 0xFFFFFF).to_bytes(3, "little")


def refusal(data: bytes) -> GrainError | None:
    """The error that reading the data raises, or None."""
    try:
        unpack(data)
    except GrainError as error:
        return error
    return None


@given(faces)
@settings(deadline=None)
def test_round_trip(face: StoredFace) -> None:
    assert unpack(pack(face)) == face


@given(payloads)
@settings(deadline=None)
def test_overhead_without_chunks_is_twelve_bytes(payload: bytes) -> None:
    assert container.OVERHEAD == 12
    assert len(pack(StoredFace(7, b"abc", payload))) == len(payload) + 12


@given(st.sampled_from([PLAIN_HEADER, CHUNKED_HEADER]), st.binary(max_size=40))
@settings(deadline=None)
def test_whatever_is_accepted_is_what_pack_writes(header: bytes, body: bytes) -> None:
    data = seal(header + body)
    error = refusal(data)
    assert isinstance(error, (Corrupt, UnsupportedVersion)) or pack(unpack(data)) == data


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_arbitrary_bytes_are_no_grain_file(data: bytes) -> None:
    assert isinstance(refusal(data), Truncated if container.MAGIC.startswith(data[:4]) else NotGrain)


@pytest.mark.parametrize("number, face", [(0, PLAIN), (1, WITH_EXIF)])
def test_worked_examples_of_the_specification(number: int, face: StoredFace) -> None:
    examples = re.findall(r"^    ((?:[0-9a-f]{2} ?){12,})$", container.__doc__ or "", re.MULTILINE)
    data = bytes.fromhex(examples[number])
    assert pack(face) == data
    assert unpack(data) == face


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
def test_every_truncation_is_refused(face: StoredFace) -> None:
    data = pack(face)
    for size in range(len(data)):
        expected = Truncated if size < container.OVERHEAD else Corrupt
        assert isinstance(refusal(data[:size]), expected), size


@given(faces, st.data())
@settings(deadline=None)
def test_a_file_cut_anywhere_is_refused(face: StoredFace, data: st.DataObject) -> None:
    packed = pack(face)
    size = data.draw(st.integers(0, len(packed) - 1))
    assert isinstance(refusal(packed[:size]), (Truncated, Corrupt))


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
def test_every_flipped_bit_is_noticed(face: StoredFace) -> None:
    data = pack(face)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(damaged)) is not None, bit


def test_no_flipped_bit_escapes_the_checksum_at_any_size() -> None:
    """A CRC is linear: how a flipped bit changes it depends on nothing but its distance from the end."""
    change = 1
    for distance in range(8 * container.MOST_FILE):
        change = change >> 1 ^ (0xEDB88320 if change & 1 else 0)
        assert change & 0xFFFFFF, distance
        if distance == 8 * 100 + 3:
            flipped = zlib.crc32(b"\x10" + bytes(100)) ^ zlib.crc32(bytes(101))
            assert change == flipped, "the enumeration is not that of zlib"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(40), b"\x8aGRM" + bytes(40), b"G", bytes(12)])
def test_other_files_are_not_grain(data: bytes) -> None:
    with pytest.raises(NotGrain, match="no .grain file"):
        unpack(data)


@pytest.mark.parametrize("size", range(12))
def test_a_start_alone_is_truncated(size: int) -> None:
    with pytest.raises(Truncated, match=f"after {size} bytes"):
        unpack(pack(PLAIN)[:size])


@pytest.mark.parametrize("version", [0, *range(3, 16)])
def test_other_versions_are_refused_as_such_whatever_their_checksum(version: int) -> None:
    content = container.MAGIC + bytes([version << 4]) + PLAIN_HEADER[5:] + b"face"
    for data in (seal(content), content + b"???"):
        with pytest.raises(UnsupportedVersion, match=f"version {version};"):
            unpack(data)


def test_a_payload_of_more_than_768_bytes_makes_it_version_2() -> None:
    short, long = (pack(StoredFace(22, b"abc", b"x" * length)) for length in (768, 769))
    assert (short[4] >> 4, long[4] >> 4) == (1, 2)
    assert unpack(short).payload == b"x" * 768 and unpack(long).payload == b"x" * 769


@pytest.mark.parametrize("version, length", [(1, 769), (2, 768), (2, 0)])
def test_a_payload_of_the_other_versions_length_is_refused(version: int, length: int) -> None:
    content = container.MAGIC + bytes([version << 4]) + PLAIN_HEADER[5:] + b"x" * length
    with pytest.raises(Corrupt, match=f"payload of {length} bytes"):
        unpack(seal(content))


@pytest.mark.parametrize("face", [PLAIN, WITH_EXIF])
def test_that_a_face_is_grey_takes_no_byte(face: StoredFace) -> None:
    coloured, grey = pack(face), pack(replace(face, grey=True))
    assert grey == seal(coloured[:4] + bytes([coloured[4] | 2]) + coloured[5:-3])
    assert unpack(grey) == replace(face, grey=True)


@pytest.mark.parametrize("flag", [4, 8])
def test_reserved_flags_are_refused_as_unsupported(flag: int) -> None:
    with pytest.raises(UnsupportedVersion, match="feature"):
        unpack(seal(container.MAGIC + bytes([0x10 | flag]) + PLAIN_HEADER[5:] + b"face"))


def test_the_version_is_refused_before_the_flags() -> None:
    with pytest.raises(UnsupportedVersion, match="version 3"):
        unpack(seal(container.MAGIC + b"\x3e" + PLAIN_HEADER[5:] + b"face"))


def test_a_wrong_checksum_is_damage() -> None:
    with pytest.raises(Corrupt, match="damaged or cut short"):
        unpack(pack(PLAIN)[:-1] + b"?")


@pytest.mark.parametrize("content", [PLAIN_HEADER + b"face\0", CHUNKED_HEADER + b"\x05face\0\x02\x00"])
def test_a_payload_that_ends_in_zero_is_refused(content: bytes) -> None:
    with pytest.raises(Corrupt, match="zero byte"):
        unpack(seal(content))


@pytest.mark.parametrize("payload", [b"\0", b"face\0", b"x" * 4096])
def test_payloads_that_no_encoder_writes_are_not_packed(payload: bytes) -> None:
    with pytest.raises(AssertionError):
        pack(StoredFace(0, b"abc", payload))


@pytest.mark.parametrize(
    "content", [PLAIN_HEADER + b"x" * 4096, CHUNKED_HEADER + b"\x80\x20" + b"x" * 4096 + b"\x02\x00"]
)
def test_a_payload_of_4096_bytes_is_refused(content: bytes) -> None:
    with pytest.raises(Corrupt):
        unpack(seal(content))


@pytest.mark.parametrize(
    "body, text",
    [
        (b"\x84\x00face\x02\x00", "as short as can be"),
        (b"\x04face\x02\x81\x80\x00x", "as short as can be"),
        (b"\x80\x80\x80\x80\x01" + b"face\x02\x00", "more than 4 bytes"),
        (b"\x04face\x02\xff\xff\xff\xff\x01", "more than 4 bytes"),
        (b"\xff\xff\xff\x7fface\x02\x00", "claims 268435455 bytes where it can have 6"),
        (b"\x81\x06face\x02\x00", "claims 769 bytes where it can have 6"),
        (b"\x08face\x02\x00", "claims 8 bytes where it can have 6"),
        (b"\x04face\x02\x03II", "claims 3 bytes where it can have 2"),
        (b"\x04face\x02\xff\xff\xff\x7fII", "claims 268435455 bytes where it can have 2"),
        (b"\x04face\x02", "claims 1 bytes where it can have 0"),
        (b"\x04face\x02\x80", "claims 1 bytes where it can have 0"),
        (b"", "claims 1 bytes where it can have 0"),
    ],
)
def test_lengths_that_lie_are_refused(body: bytes, text: str) -> None:
    with pytest.raises(Corrupt, match=text):
        unpack(seal(CHUNKED_HEADER + body))


def test_the_flag_for_chunks_without_a_chunk_is_refused() -> None:
    with pytest.raises(Corrupt, match="0 bytes of chunks"):
        unpack(seal(CHUNKED_HEADER + b"\x04face"))


@pytest.mark.parametrize("chunks", [b"\x04\x00\x02\x00", b"\x02\x00\x02\x00"])
def test_tags_that_do_not_ascend_are_refused(chunks: bytes) -> None:
    with pytest.raises(Corrupt, match="tags ascend"):
        unpack(seal(CHUNKED_HEADER + b"\x04face" + chunks))


@pytest.mark.parametrize("tags", [(4, 2), (2, 2), (2, 3)])
def test_chunks_that_no_reader_takes_are_not_packed(tags: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        pack(StoredFace(0, b"abc", b"face", tuple(Chunk(tag, b"") for tag in tags)))


def test_unknown_ancillary_chunks_are_kept() -> None:
    face = unpack(seal(CHUNKED_HEADER + b"\x04face\x02\x02II\x7e\x01x"))
    assert face.chunks == (Chunk(container.EXIF, b"II"), Chunk(0x7E, b"x"))
    assert not any(chunk.critical for chunk in face.chunks)


@pytest.mark.parametrize("tag", [1, 3, 255])
def test_unknown_critical_chunks_are_refused_as_unsupported(tag: int) -> None:
    assert Chunk(tag, b"").critical
    with pytest.raises(UnsupportedVersion, match=f"chunk {tag:02x}"):
        unpack(seal(CHUNKED_HEADER + b"\x04face" + bytes([tag, 0])))


def test_chunks_of_one_mebibyte_together_fit_and_not_one_byte_more() -> None:
    fitting = StoredFace(0, b"abc", b"f" * 4095, (Chunk(2, b""), Chunk(4, b"x" * ((1 << 20) - 2 - 4))))
    data = pack(fitting)
    assert len(data) == container.MOST_FILE
    assert unpack(data) == fitting
    with pytest.raises(BadImage, match="1048577 bytes"):
        pack(StoredFace(0, b"abc", b"f", (Chunk(2, b"y"), fitting.chunks[1])))
    too_much = CHUNKED_HEADER + b"\x00" + b"\x02\x01y" + data[9 + 2 + 4095 + 2 : -3]
    with pytest.raises(Corrupt, match="1048577 bytes of chunks"):
        unpack(seal(too_much))


@pytest.mark.parametrize("header", [PLAIN_HEADER, CHUNKED_HEADER])
def test_oversize_files_are_refused_without_being_copied(header: bytes) -> None:
    data = header + bytes(1 << 24)
    tracemalloc.start()
    try:
        with pytest.raises(Corrupt, match="at most"):
            unpack(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "face, text",
    [
        (StoredFace(256, b"abc", b"face"), "fine quality is 256, not within 0 to 255"),
        (StoredFace(-1, b"abc", b"face"), "fine quality is -1, not within 0 to 255"),
        (StoredFace(0, b"abc", b"face", (Chunk(256, b""),)), "tag is 256, not within 0 to 255"),
    ],
)
def test_values_out_of_range_are_named(face: StoredFace, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        pack(face)


def test_describe_names_every_part_in_order() -> None:
    face = StoredFace(22, b"\0\xb2\0", b"face", (Chunk(container.EXIF, b"II"), Chunk(0x7E, b"x")))
    data = pack(face)
    assert describe(data) == [
        ("magic", "8a47524e"),
        ("flags", "1"),
        ("version", "1"),
        ("fine quality", "22"),
        ("fingerprint", "00b200"),
        ("payload", "4 B"),
        ("EXIF", "2 B"),
        ("chunk 7e", "1 B"),
        ("CRC", data[-3:].hex()),
    ]
    with pytest.raises(Corrupt):
        describe(data[:-1] + b"?")


def test_the_container_needs_the_standard_library_only() -> None:
    program = (
        "import sys, grain_codec.formats.container;"
        "sys.exit(', '.join({'numpy', 'torch', 'PIL'} & sys.modules.keys()) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
