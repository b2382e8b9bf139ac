"""Colours that can be read on their ground (WCAG 2.1, level AA), and figures that fit the page as SVG."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib
import matplotlib.style
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from grain_codec.benchmarks.report.chart import COLOURS, LIGHT, SERIES_COLOURS, STYLE, Chart, inline_svg, resource

TEXTS = st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs",)))


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.1, its definition)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.1, its definition)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", sorted(set(COLOURS) - {"surface", "panel", "grid"}))
@pytest.mark.parametrize("ground", ["surface", "panel"])
def test_texts_have_contrast(scheme: int, name: str, ground: str):
    assert contrast(COLOURS[name][scheme], COLOURS[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_no_colour_has_two_names(scheme: int):
    assert len({pair[scheme] for pair in COLOURS.values()}) == len(COLOURS)
    assert len(SERIES_COLOURS) == 12


def test_the_style_of_figures_uses_the_colours_of_the_page():
    used = {f"#{colour}" for colour in re.findall(r": ([0-9a-f]{6})$", resource("figures.mplstyle"), re.MULTILINE)}
    assert used and used <= set(LIGHT.values())


@matplotlib.style.context(STYLE)
def chart(title: str = "a title", tooltips: tuple[str, ...] = ("one", "two", "three")) -> Chart:
    """A line, a bar, a group of marks and a clipped mark."""
    figure = Figure(layout="constrained")
    axes = figure.add_subplot(xlabel="$x$", ylabel="PSNR, dB", xlim=(0, 4), ylim=(-3, 7))
    axes.plot([1, 2, 3], [-1, 5, 6], "s", c=SERIES_COLOURS[0], gid="marks")
    axes.plot([1, 9], [1, 9], "--", c=SERIES_COLOURS[1])
    axes.bar([1, 2], [2, 3], color=LIGHT["bad"])
    return Chart(title, "what is seen", figure, {"marks": list(tooltips)[:3]})


def test_the_svg_has_no_styles_fonts_or_addresses_and_its_colours_follow_the_page():
    text = inline_svg(chart(), "first")
    assert not re.search(r"style=|<style|font-family|https?:|<metadata|xlink", text)
    assert not re.search(r"#[0-9a-f]{6}\b", text), "every colour is a variable"
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    assert {"series-0", "series-1", "bad", "ink", "muted", "grid", "surface"} <= used <= set(COLOURS)


def test_ids_are_unique_in_a_page_and_references_reach_them():
    pictures = [ElementTree.fromstring(inline_svg(chart(), name)) for name in ("first", "second")]
    elements = [element for picture in pictures for element in picture.iter()]
    ids = [element.attrib["id"] for element in elements if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for picture in pictures:
        own = {element.attrib.get("id") for element in picture.iter()}
        text = ElementTree.tostring(picture, encoding="unicode")
        referred = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
        assert referred and {one or other for one, other in referred} <= own
        assert set(picture.attrib["aria-labelledby"].split()) <= own


def test_a_screen_reader_and_a_pointer_are_told_what_is_seen():
    picture = ElementTree.fromstring(inline_svg(chart(), "first"))
    assert picture.attrib["role"] == "img"
    assert [(child.tag, child.text) for child in picture[:2]] == [("title", "a title"), ("desc", "what is seen")]
    marks = {mark.findtext("title"): mark for mark in picture.iter("use") if mark.find("title") is not None}
    assert list(marks) == ["one", "two", "three"]
    assert float(marks["one"].attrib["x"]) < float(marks["two"].attrib["x"]) < float(marks["three"].attrib["x"])
    assert float(marks["one"].attrib["y"]) > float(marks["two"].attrib["y"])


def test_text_stays_text_and_a_dollar_sign_is_no_formula():
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(inline_svg(chart(), "first")).iter("text")]
    assert {"$x$", "PSNR, dB", "−2"} <= set(texts)


def test_as_many_tooltips_as_marks():
    with pytest.raises(ValueError):
        inline_svg(chart(tooltips=("one", "two")), "first")


def test_settings_of_the_user_do_not_count():
    plain = inline_svg(chart(), "first")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "black"}):
        assert inline_svg(chart(), "first") == plain


class Recorder(HTMLParser):
    """The text of each `<title>`."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._inside or tag == "title":
            self.titles.append("")
        self._inside = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.titles[-1] += data


@settings(deadline=None, max_examples=20)
@given(title=TEXTS, tooltip=TEXTS)
def test_titles_and_tooltips_are_escaped(title: str, tooltip: str):
    recorder = Recorder()
    recorder.feed(inline_svg(chart(title, (tooltip, "two", "three")), "first"))
    recorder.close()
    assert recorder.titles == [title, tooltip, "two", "three"]
