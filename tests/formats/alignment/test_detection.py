"""The copies of a photo that are searched."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from grain_codec.formats.alignment.detection import TURNS, _Copies

SIDE = 240


@pytest.mark.parametrize("turn", range(TURNS))
def test_a_copy_is_the_reduced_photo_turned_counter_clockwise(faces: dict[str, np.ndarray], turn: int):
    photo = Image.fromarray(faces["anna"][:700])
    copies = _Copies(photo, SIDE)
    assert copies.reduction == (1024 / SIDE, 700 / round(700 * SIDE / 1024))
    upright = photo.resize(copies.upright.size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    expected = upright.rotate(360 / TURNS * turn, Image.Resampling.BILINEAR, expand=True)
    found = copies.turned(turn)
    assert max(abs(one - other) for one, other in zip(found.size, expected.size)) <= 1
    # Both have the photo's middle in their middle.
    middle = [np.asarray(copy)[copy.height // 2 - 60 : copy.height // 2 + 60] for copy in (found, expected)]
    middle = [rows[:, rows.shape[1] // 2 - 60 : rows.shape[1] // 2 + 60].astype(float) for rows in middle]
    assert np.abs(middle[0] - middle[1]).mean() < 6


def test_a_smaller_photo_is_not_enlarged():
    copies = _Copies(Image.new("RGB", (64, 48)), SIDE)
    assert copies.upright.size == (64, 48) and copies.reduction == (1.0, 1.0)
