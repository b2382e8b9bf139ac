"""Names of outputs, and names in messages."""

from __future__ import annotations

import os

import pytest

from grain_codec.cli.batch.names import decoded_name, encoded_name, shown


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("face.jpg", ".grain", "face.grain"),
        ("face.jpg", ".grain.png", "face.grain.png"),
        ("face", ".grain", "face.grain"),
        ("my.holiday.jpeg", ".grain", "my.holiday.grain"),
        (".hidden", ".grain", ".hidden.grain"),
    ],
)
def test_encoded_names(name: str, suffix: str, expected: str) -> None:
    assert encoded_name(name, suffix) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("face.grain", "face.png"),
        ("face.grain.png", "face.png"),
        ("FACE.GRAIN.PNG", "FACE.png"),
        ("face.bin", "face.png"),
        ("face", "face.png"),
        (".grain", ".grain.png"),
    ],
)
def test_decoded_names(name: str, expected: str) -> None:
    assert decoded_name(name) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("fa\u00e7e.jpg", "fa\u00e7e.jpg"),
        ("two\nlines.jpg", "two\\nlines.jpg"),
        ("\x1b[2Jcleared.jpg", "\\x1b[2Jcleared.jpg"),
        (os.fsdecode(b"latin\xe9.jpg"), "latin\ufffd.jpg"),
    ],
)
def test_names_are_shown_in_one_harmless_line(path: str, expected: str) -> None:
    assert shown(path) == expected
