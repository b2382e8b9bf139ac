"""Corrects checksums and lengths of damaged files, so that the damage reaches the code behind those checks."""

from __future__ import annotations

import json
import struct
import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def container(data: bytes) -> bytes:
    """A .grain file with the right CRC."""
    content = data[:-3]
    return content + zlib.crc32(content).to_bytes(4, "little")[:3]


def png(data: bytes) -> bytes:
    """A PNG whose chunks have right CRCs, as far as their lengths can be followed."""
    written, position = bytearray(data[:8]), 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = min(position + 8 + length, len(data) - 4)
        body = data[position + 4 : end]
        written += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        position = end + 4
    return bytes(written)


def weights(data: bytes) -> bytes:
    """A safetensors file that states the right length of its header, which ends with the last brace."""
    end = data.rfind(b"}", 8) + 1
    return struct.pack("<Q", max(end - 8, 0)) + data[8:end] + data[max(end, 8) :]


def replaced_in_header(data: bytes, pick: int, values: list[object]) -> bytes:
    """A safetensors file with one entry of its header changed; `pick` chooses the entry and its new value."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        entries = [entry for name, entry in sorted(header.items()) if isinstance(entry, dict) and "shape" in entry]
        entry = entries[pick % len(entries)]
        key = ("dtype", "shape", "data_offsets")[pick // 7 % 3]
        value = values[pick // 21 % len(values)]
        if key == "dtype":
            entry[key] = ("F64", "BF16", "I64", "U64", "BOOL", "F8_E4M3", "U32", "I8", "C64", "F4")[pick // 21 % 10]
        elif entry[key]:
            entry[key][pick // 63 % len(entry[key])] = value
    except (ValueError, struct.error, ZeroDivisionError, TypeError, AttributeError, KeyError, RecursionError):
        return data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]
