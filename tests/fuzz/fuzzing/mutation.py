"""Damage to valid files: flipped bits, cuts, insertions, repeated parts, false numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fuzzing import repair

EXTREMES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")
EXTREME_NUMBERS: list[object] = [0, 1, -1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, 10**30, 1.5, "a", None]
MOST_BYTES = 1 << 17


@dataclass(frozen=True)
class Edit:
    """One change.

    Attributes:
        kind: of KINDS.
        at, length: which part of the data; both are reduced modulo the size of the data.
        content: what replaces it.
    """

    kind: str
    at: int
    length: int
    content: bytes


def _flip(data: bytes, edit: Edit) -> bytes:
    at = edit.at % max(1, len(data))
    return data[:at] + bytes([data[at] ^ 1 << edit.length % 8]) + data[at + 1 :] if data else data


def _replace(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return data[:at] + edit.content + data[at + len(edit.content) :]


def _insert(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return data[:at] + edit.content + data[at:]


def _cut(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return data[:at] + data[at + edit.length % 64 :]


def _truncate(data: bytes, edit: Edit) -> bytes:
    return data[: edit.at % (len(data) + 1)]


def _repeat(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return (data[:at] + data[at : at + edit.length % 64] * (1 + edit.length % 9) + data[at:])[:MOST_BYTES]


def _set_extreme(data: bytes, edit: Edit) -> bytes:
    return _replace(data, Edit("replace", edit.at, 0, EXTREMES[edit.length % len(EXTREMES)]))


def _change_header(data: bytes, edit: Edit) -> bytes:
    return repair.replaced_in_header(data, edit.at, EXTREME_NUMBERS)


KINDS: dict[str, Callable[[bytes, Edit], bytes]] = {
    "flip": _flip,
    "replace": _replace,
    "insert": _insert,
    "cut": _cut,
    "truncate": _truncate,
    "repeat": _repeat,
    "extreme": _set_extreme,
    "header": _change_header,
}


def apply(data: bytes, edits: list[Edit]) -> bytes:
    """Applies the edits one after the other."""
    for edit in edits:
        data = KINDS[edit.kind](data, edit)
    return data


def random_edit(source: random.Random) -> Edit:
    """An edit of any kind."""
    content = bytes(source.randrange(256) for _ in range(source.randrange(1, 9)))
    return Edit(source.choice(list(KINDS)), source.randrange(1 << 17), source.randrange(1 << 10), content)
