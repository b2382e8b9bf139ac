"""Pictures without colour."""

from __future__ import annotations

import numpy as np

from grain_codec.formats.images.grey import is_grey, without_colour

NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def test_one_coloured_pixel_makes_a_picture_coloured() -> None:
    grey = NOISE[:, :, :1].repeat(3, 2)
    assert is_grey(grey) and not is_grey(NOISE)
    for place in (np.s_[0, 0, 0], np.s_[19, 29, 2], np.s_[7, 3, 1]):
        coloured = grey.copy()
        coloured[place] ^= 1
        assert not is_grey(coloured)


def test_colour_is_taken_out_by_the_rounded_mean() -> None:
    found = without_colour(NOISE)
    assert found.dtype == np.uint8 and is_grey(found)
    assert np.abs(found[:, :, 0] - NOISE.mean(2)).max() < 0.51
    white = np.full_like(NOISE, 255)
    assert np.array_equal(without_colour(white), white)
