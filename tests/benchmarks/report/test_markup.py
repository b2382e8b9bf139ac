"""Whatever text goes into an element comes out of a parser as the same text."""

from __future__ import annotations

from html.parser import HTMLParser

from grain_codec.benchmarks.report.markup import Markup, joined, tag
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs",)))


class Recorder(HTMLParser):
    """Start tags and text of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(deadline=None)
@given(text=TEXTS, attribute=TEXTS)
def test_text_and_attributes_survive_and_make_no_elements(text: str, attribute: str):
    recorder = Recorder()
    recorder.feed(tag("p", text, title=attribute))
    recorder.close()
    assert recorder.tags == [("p", {"title": attribute})]
    assert recorder.text == text


def test_markup_is_nested_as_it_is():
    inner = tag("b", "1 < 2")
    assert tag("p", inner, " & ", None, 3) == "<p><b>1 &lt; 2</b> &amp; 3</p>"
    assert isinstance(joined(inner, "<"), Markup) and joined(inner, "<") == inner + "&lt;"


def test_attributes_that_stand_alone_and_that_are_left_out():
    assert tag("details", open=True) == "<details open></details>"
    assert tag("details", open=False, class_=None, tabindex=0) == '<details tabindex="0"></details>'


def test_empty_elements_have_no_end_tag():
    assert tag("img", alt="a") == '<img alt="a">'
