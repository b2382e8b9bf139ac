"""The parts that all figures share: the colours, and the conversion of a matplotlib figure to inline SVG."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from xml.etree import ElementTree

import matplotlib.style
from markupsafe import Markup
from matplotlib.figure import Figure

STYLE = ("default", "grain_codec.benchmarks.report.figures")
"""Matplotlib's settings for our figures: its own defaults, then figures.mplstyle; the user's settings do not count."""


def resource(name: str) -> str:
    """The text of a file of this package."""
    return resources.files("grain_codec.benchmarks.report").joinpath(name).read_text(encoding="utf-8")


COLOURS: dict[str, tuple[str, str]] = {name: tuple(pair) for name, pair in json.loads(resource("colours.json")).items()}
"""By name, the colour on a light page and on a dark one. No two names share a light colour: see `inline_svg`."""

LIGHT = {name: light for name, (light, _) in COLOURS.items()}
SERIES_COLOURS = [light for name, light in LIGHT.items() if name.startswith("series-")]


@dataclass(frozen=True)
class Chart:
    """A drawn figure, in the light colours."""

    title: str  # The figure's title.
    description: str  # What a screen reader says instead of showing it.
    figure: Figure  # One unit of its size is 1/72 inch, and a CSS pixel of the page.
    tooltips: Mapping[str, Sequence[str]]  # The tooltip of each mark in a set, by matplotlib's group id of the set.


def inline_svg(chart: Chart, identifier: str) -> Markup:
    """A chart as an `<svg>` element that fits the page.

    The page's content security policy forbids `style` attributes, so each declaration in one becomes an attribute of
    its own. Colours become variables of the page's style sheet, so that they follow light and dark.

    Args:
        identifier: unique in the page; letters, digits and hyphens.
    """
    stream = io.BytesIO()
    # Matplotlib derives the ids of shapes that it refers to from this salt, and draws the ticks only now.
    with matplotlib.style.context([*STYLE, {"svg.hashsalt": identifier}]):
        chart.figure.savefig(stream, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    for element in list(root.iter()):
        _adapt(element, chart.tooltips)
    for element in [*root.findall("metadata"), *root.findall("defs[style]")]:
        root.remove(element)
    ids = {"title": f"{identifier}-title", "desc": f"{identifier}-description"}
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-labelledby": " ".join(ids.values())}
    for place, (name, text) in enumerate({"title": chart.title, "desc": chart.description}.items()):
        root.insert(place, ElementTree.Element(name, id=ids[name]))
        root[place].text = text
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _adapt(element: ElementTree.Element, tooltips: Mapping[str, Sequence[str]]) -> None:
    """Rewrites one element of matplotlib's SVG for the page; a group of marks with tooltips receives them."""
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    variables = {light: f"var(--{name})" for name, light in LIGHT.items()}
    for declaration in filter(None, element.attrib.pop("style", "").split(";")):
        name, value = (part.strip() for part in declaration.split(":", 1))
        if name != "font-family":
            element.set(name, variables.get(value, value))
    if reference := element.attrib.pop("{http://www.w3.org/1999/xlink}href", None):
        element.set("href", reference)
    if element.tag == "g":
        texts = tooltips.get(element.attrib.pop("id", ""), ())
        marks = [mark for mark in element.iter() if texts and mark.tag.endswith("}use")]
        for mark, text in zip(marks, texts, strict=True):
            ElementTree.SubElement(mark, "title").text = text
