"""Colours of the report and the plot, light and dark; every one that carries text has a contrast of 4.5 or more."""

from __future__ import annotations

LIGHT = {
    "surface": "#ffffff",
    "panel": "#f4f5f7",
    "ink": "#16191d",
    "muted": "#565d66",
    "grid": "#dfe2e6",
    "link": "#1d4ed8",
    "bad": "#b3261e",
    "series-0": "#b93c0a",
    "series-1": "#1d4ed8",
    "series-2": "#116932",
    "series-3": "#7e22ce",
    "series-4": "#0e6b74",
    "series-5": "#b0145a",
    "series-6": "#7a4a0a",
    "series-7": "#4b5563",
    "series-8": "#4338ca",
    "series-9": "#5f6b00",
    "series-10": "#9d174d",
    "series-11": "#155e75",
}
DARK = {
    "surface": "#121518",
    "panel": "#1c2126",
    "ink": "#eceff2",
    "muted": "#a5adb7",
    "grid": "#343b43",
    "link": "#93c5fd",
    "bad": "#ff9a92",
    "series-0": "#ff9a52",
    "series-1": "#8fbcff",
    "series-2": "#6fdc95",
    "series-3": "#d3a8ff",
    "series-4": "#5cd6d6",
    "series-5": "#ff9ccb",
    "series-6": "#e5bf5e",
    "series-7": "#c3cad3",
    "series-8": "#b3b1ff",
    "series-9": "#c9d66b",
    "series-10": "#ffb4a8",
    "series-11": "#9be7ff",
}
SERIES_COLOURS = sum(name.startswith("series-") for name in LIGHT)


def series_colour(index: int) -> str:
    """The name of the colour of the so-manieth series; they begin again after the last."""
    return f"series-{index % SERIES_COLOURS}"
