"""Every text is readable on its ground, in light and in dark (WCAG 2.1, level AA)."""

from __future__ import annotations

import pytest
from grain_codec.benchmarks.report.palette import DARK, LIGHT, SERIES_COLOURS, series_colour


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.1, its definition)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.1, its definition)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", sorted(set(LIGHT) - {"surface", "panel", "grid"}))
@pytest.mark.parametrize("ground", ["surface", "panel"])
def test_texts_have_contrast(colours: dict[str, str], name: str, ground: str):
    assert contrast(colours[name], colours[ground]) >= 4.5


def test_light_and_dark_have_the_same_names():
    assert list(LIGHT) == list(DARK)


def test_series_have_colours_of_their_own_until_there_are_no_more():
    names = [series_colour(index) for index in range(SERIES_COLOURS)]
    for colours in (LIGHT, DARK):
        assert len({colours[name] for name in names}) == SERIES_COLOURS
    assert series_colour(SERIES_COLOURS) == names[0]
