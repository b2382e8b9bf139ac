"""Inputs on a list, and an output named after its input."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest
from PIL import Image

from grain_codec.cli.batch.files.arguments import apart_from_target, with_listed
from grain_codec.cli.batch.files.folders import is_encoded, is_picture


def test_lists_add_to_what_is_named(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_bytes(b"one.jpg\r\n\nwith space.jpg\n\xff.jpg")
    assert with_listed(("first.jpg",), str(listing)) == ("first.jpg", "one.jpg", "with space.jpg", "\udcff.jpg")
    assert with_listed((), str(listing))[0] == "one.jpg"
    listing.write_text("")
    assert with_listed((), str(listing)) == ()


def test_unusable_lists_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="missing.txt: No such file"):
        with_listed((), str(tmp_path / "missing.txt"))
    with pytest.raises(click.UsageError, match="Missing argument"):
        with_listed((), None)


def test_standard_input_cannot_be_both_list_and_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\n")))
    with pytest.raises(click.UsageError, match="only once"):
        with_listed(("-",), "-")


def test_the_second_of_two_names_is_the_output() -> None:
    for target in ("out.grain", "OUT.GRAIN", "out.grain.png"):
        assert apart_from_target(("in.jpg", target), is_encoded, False) == (("in.jpg",), target)
    for inputs in (("a.jpg",), ("a.jpg", "b.jpg"), ("a.jpg", "b.jpg", "c.grain"), ("a.grain", "b.grain")):
        assert apart_from_target(inputs, is_encoded, False) == (inputs, None)
    assert apart_from_target(("in.jpg", "out.grain"), is_encoded, True) == (("in.jpg", "out.grain"), None)


def test_carriers_are_inputs_whatever_their_names(tmp_path: Path) -> None:
    carrier, picture = tmp_path / "carrier.png", tmp_path / "picture.png"
    Image.new("RGB", (16, 16)).save(carrier)
    Image.new("RGB", (16, 17)).save(picture)
    assert not is_picture(str(carrier)) and not is_picture("face.grain.png") and not is_picture("face.grain")
    assert is_picture(str(picture)) and is_picture("missing.jpg")
