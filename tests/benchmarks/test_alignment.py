"""The program that measures how exactly faces are found."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.alignment import SETTINGS, Setting, errors, half_in_shadow, main, place_of
from grain_codec.formats.alignment.placement import Alignment


def test_errors_are_those_of_the_nearest_find() -> None:
    place = Alignment.nearest(1000, 1000, 400 + 500j, 100)
    turned = Alignment.nearest(1000, 1000, 400 + 510j, 110 * cmath.exp(1j * math.radians(5)))
    other = Alignment.nearest(1000, 1000, 700 + 500j, 100)
    off = errors([other, turned], place)
    assert off is not None
    assert off == pytest.approx((10 / 200 * 1024, 1.1, 5), abs=0.2)
    assert errors([other], place) is None and errors([], place) is None


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_faces_are_put_into_the_picture(setting: Setting) -> None:
    place = place_of(setting, np.random.default_rng(1))
    left, top, right, bottom = place.box()
    assert -1 <= left < right <= setting.width + 1 and -1 <= top < bottom <= setting.height + 1
    assert place.side == pytest.approx(setting.side, rel=0.01)


def test_one_half_lies_in_the_shadow(face: np.ndarray) -> None:
    shaded = half_in_shadow(face)
    assert shaded[:, :300].mean() < 0.2 * face[:, :300].mean()
    assert np.abs(shaded[:, 800:].astype(int) - face[:, 800:]).max() <= 1


def test_a_table_row_for_each_setting(face: np.ndarray, tmp_path) -> None:
    Image.fromarray(face).save(tmp_path / "anna.png")
    ended = CliRunner().invoke(main, [str(tmp_path), "--setting", "as it is"])
    assert ended.exit_code == 0, ended.output
    (*_, row) = ended.output.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:4] == ["as it is", "1", "0", "0"] and float(cells[4]) < 15
