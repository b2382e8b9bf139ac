"""The report page: sound HTML, nothing from outside, the rows' own figures, hostile names as text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grain_codec.benchmarks.report.report import write_report
from grain_codec.benchmarks.tables.anchor_comparison import compare_with_anchor
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import Results
from grain_codec.errors import GrainError

EMPTY = {"img", "input", "link", "meta"}


class Page(HTMLParser):
    """A parsed page; every element must be closed in order.

    Attributes:
        elements: name and attributes of each, in order.
        text: of the page, without style and script.
        tables: by caption, the rows as lists of cell texts.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text, self.code, self.tables = "", {"style": "", "script": ""}, {}
        self._open: list[str] = []
        self._caption, self._row = "", []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "tr":
            self._row = []
        elif tag in ("td", "th"):
            self._row.append("")
        elif tag == "caption":
            self._caption = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append(self._row)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.code:
            self.code[self._open[-1]] += data
            return
        self.text += data
        if "td" in self._open or "th" in self._open:
            self._row[-1] += data
        elif "caption" in self._open:
            self._caption += data

    def all(self, name: str) -> list[dict[str, str]]:
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture(scope="module")
def source(rows: list[Row], environment: dict, pictures: dict, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report's HTML."""
    return write_report(rows, environment, tmp_path_factory.mktemp("report"), pictures).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    """The report, parsed."""
    return Page(source)


def test_names_and_references_fit(page: Page):
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    referred = [name for _, attributes in page.elements for name in attributes.get("aria-labelledby", "").split()]
    linked = [attributes["href"][1:] for attributes in page.all("a")]
    assert referred and linked and set(referred + linked) <= set(names)
    assert len(page.all("h1")) == len(page.all("main")) == 1


def test_nothing_comes_from_outside(page: Page, source: str):
    assert not re.search(r"https?:", source)
    assert not re.search(r"@import|url\(", page.code["style"])
    loaded = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "srcset")]
    assert loaded and all(value.startswith("data:image/webp;base64,") for value in loaded)
    assert all(attributes["href"].startswith(("#", "data:")) for _, attributes in page.elements if "href" in attributes)


def test_the_policy_forbids_the_network_and_names_the_only_style_and_script(page: Page):
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for name in ("style", "script"):
        assert len(page.all(name)) == 1
        digest = base64.b64encode(hashlib.sha256(page.code[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert not any(key == "style" or key.startswith("on") for _, attributes in page.elements for key in attributes)


def test_hostile_names_and_settings_are_text(page: Page, hostile: str):
    assert hostile in page.text
    assert "a <b>fast</b> one" in page.text and "AVIF was not measured: <no encoder>." in page.text
    assert any(hostile in attributes["alt"] for attributes in page.all("img"))
    assert not any(attributes.get("src") == "x" for attributes in page.all("img"))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs",))))
def test_any_text_is_shown_as_it_is_and_makes_no_elements(text: str, tmp_path: Path):
    unmeasured = [Row("a", "jpeg", "", None, "cap", "200")]
    pages = []
    for shown in (text, "plain"):
        record = {"warnings": [f"{shown}|1"], "command": f"{shown}|2", "machine": {f"{shown}|3": f"{shown}|4"}}
        pages.append(Page(write_report(unmeasured, record, tmp_path).read_bytes().decode()))
    assert all(f"{text}|{number}" in pages[0].text for number in (1, 2, 3, 4))
    assert [name for name, _ in pages[0].elements] == [name for name, _ in pages[1].elements]


def test_the_pictures_are_those_given(page: Page, pictures: dict):
    shown = [base64.b64decode(attributes["src"].partition(",")[2]) for attributes in page.all("img")]
    # WebP's picture lies under a slider with each of our two.
    expected = [data for labels in pictures.values() for data in (*labels.values(), labels["webp"])]
    assert sorted(shown) == sorted(expected)
    sliders = [text for text in page.text.splitlines() if "to the left of the line" in text]
    for name in pictures:
        for output in ("fused", "rescaled"):
            assert f"{name}: face-1024 {output} to the left of the line, WebP to the right" in sliders


def test_the_table_holds_what_the_rows_hold(page: Page, rows: list[Row]):
    (table,) = [lines for caption, lines in page.tables.items() if caption.startswith("Every codec at the caps")]
    head = table[0]
    begin = table.index(["At most 400 bytes"])
    lines = {line[0]: dict(zip(head, line, strict=True)) for line in table[begin + 1 :]}
    names = {
        "face-1024 fused": ("face-1024", "fused", 0),
        "face-1024 rescaled, effort 5": ("face-1024", "rescaled", 5),
        "WebP": ("webp", "", None),
    }
    for name, series in names.items():
        members = [row for row in rows if row.kind == "cap" and row.point == "400"]
        members = [row for row in members if (row.codec, row.output, row.effort) == series]
        psnrs = [row.psnr for row in members]
        line = lines[name]
        assert line["faces that fit"] == "4 of 4"
        assert line["bytes, mean"] == f"{statistics.fmean(row.bytes for row in members):.0f}"
        assert line["largest"] == str(max(row.bytes for row in members))
        assert line["PSNR, dB"] == f"{statistics.fmean(psnrs):.2f}"
        assert line["PSNR, 5th percentile"] == f"{np.percentile(psnrs, 5):.2f}"
        assert line["LPIPS (lower is better)"] == f"{statistics.fmean(row.lpips for row in members):.3f}"
        assert line["encode, s"] == "0.3"
    assert "MS-SSIM" not in head, "nothing has measured it"


def test_the_table_says_how_many_faces_fit(page: Page):
    (table,) = [lines for caption, lines in page.tables.items() if caption.startswith("Every codec at the caps")]
    jpeg = [line for line in table if line[0] == "JPEG"]
    assert [line[1] for line in jpeg] == ["2 of 4", "4 of 4"]


def test_a_face_that_is_not_measured_yet_is_no_face_that_does_not_fit(rows: list[Row], tmp_path: Path):
    unfinished = [row for row in rows if not (row.image == "mia.jpg" and row.codec == "webp")]
    page = Page(write_report(unfinished, {}, tmp_path).read_text())
    (table,) = [lines for caption, lines in page.tables.items() if caption.startswith("Every codec at the caps")]
    assert [line[1] for line in table if line[0] == "WebP"] == ["3 of 3", "3 of 3"]


def test_a_codec_that_fits_nowhere_is_named(rows: list[Row], tmp_path: Path):
    nowhere = [Row(row.image, "avif", "", None, "cap", "200") for row in rows if row.codec == "webp"]
    page = Page(write_report([*rows, *nowhere], {}, tmp_path).read_text())
    (table,) = [lines for caption, lines in page.tables.items() if caption.startswith("Every codec at the caps")]
    assert ["AVIF", "0 of 4", "none fits"] in table


def test_the_headline_tells_gain_saving_and_losses_of_both_pictures(page: Page, rows: list[Row]):
    headline = page.text[: page.text.index("Distance over bytes")]
    card = headline[headline.index("At most 400 bytes") :]
    natural, nearest = card[: card.index("rescaled")], card[card.index("rescaled") :]
    # The means of `fused`, `rescaled` and WebP at 400 bytes are 24.9, 25.9 and 24.0 + 2.5 / 4 over the same four faces.
    assert "+0.27 dB" in natural and "+1.27 dB" in nearest
    assert all("over WebP" in part and "worse on 1 of 4" in part for part in (natural, nearest))
    at_cap = [row for row in rows if (row.kind, row.point) == ("cap", "400")]
    ours = statistics.fmean(row.lpips for row in at_cap if row.output == "fused")
    theirs = statistics.fmean(row.lpips for row in at_cap if row.codec == "webp")
    assert f"LPIPS {ours:.3f} (WebP {theirs:.3f})" in natural and "identity distance" in nearest


def test_a_failure_is_shown_in_the_headline(rows: list[Row], tmp_path: Path):
    worse = [row for row in rows if row.kind == "cap" and row.codec == "jpeg" and row.point == "400"]
    ours = [Row(row.image, "face-1024", "rescaled", 0, "cap", "400") for row in worse]
    page = Page(write_report([*worse, *ours], {}, tmp_path).read_text())
    assert "none fits" in page.text and "face-1024 rescaled fits 0 of 4" in page.text


def test_plots_have_titles_descriptions_and_tables(page: Page, rows: list[Row]):
    # Three metrics; at two caps the spread and the gains of both of our pictures.
    assert len(page.all("svg")) == 3 + 2 * 3
    assert all(svg["role"] == "img" for svg in page.all("svg"))
    assert len(page.all("desc")) == len(page.all("svg"))
    lines = page.tables["PSNR, dB: the values of the plot"]
    ours = [row for row in rows if row.point == "q260"]
    mean = f"{statistics.fmean(row.psnr for row in ours):.2f}"
    assert ["face-1024 rescaled", "q260", "260", mean] in [line[:4] for line in lines]
    assert not any(line[:2] == ["JPEG", "at most 200 bytes"] for line in lines), "two of the faces do not fit"


def test_the_faces_table_begins_with_the_loss(page: Page):
    head, first, *others = page.tables["Every face at 400 bytes"]
    assert [cell for cell in head if "gain" in cell] == [
        f"{output}: gain over the best ordinary codec, dB" for output in ("fused", "rescaled")
    ]
    assert first[0] == "otis.jpg" and all(cell.startswith("−") for cell in first[-2:])
    assert len(others) == 3


def test_the_worst_faces_come_first(rows: list[Row], pictures: dict, tmp_path: Path):
    easy = [
        dataclasses.replace(row, image=f"easy{index}", psnr=row.psnr + (20 if row.output else 5))
        for row in rows
        for index in range(6)
        if row.image == "anna.jpg"
    ]
    shown = {"easy5": pictures["anna.jpg"]} | pictures
    page = Page(write_report([*rows, *easy], {"picture_cap": 200}, tmp_path, shown).read_text())
    start = page.text.rindex("The worst faces")
    order = [page.text.index(text, start) for text in ("The worst faces", "anna.jpg", "Chosen faces", "easy5")]
    assert order == sorted(order)


def test_bd_rates_stand_with_their_overlap(rows: list[Row], tmp_path: Path):
    far = [Row(row.image, "avif", "", None, "curve", point, size, psnr=psnr) for row in rows if row.point == "q260"
           for point, size, psnr in (("a", 9000, 40.0), ("b", 12000, 42.0))]  # fmt: skip
    comparisons = compare_with_anchor(Results([*rows, *far]), "webp")
    page = Page(write_report([*rows, *far], {}, tmp_path, None, comparisons).read_text())
    (table,) = [lines for caption, lines in page.tables.items() if caption.startswith("Against WebP")]
    lines = {line[0]: line for line in table}
    (ours,) = [comparison for comparison in comparisons if comparison.series.label == "face-1024 rescaled"]
    delta = ours.rate.delta
    expected = [f"−{-delta.value:.1f} %", f"{delta.low:.1f} to {delta.high:.1f}", "4 of 4"]
    assert lines["face-1024 rescaled"][1:4] == expected
    assert lines["AVIF"][1:4] == ["n/a", "–", "0 of 4"]
    gain = ours.gains[400].decibels
    assert lines["face-1024 rescaled"][table[0].index("at equal bytes, cap 400")] == f"+{gain:.2f} dB"


def test_curves_that_nowhere_overlap_are_not_compared(rows: list[Row], tmp_path: Path):
    page = Page(write_report([row for row in rows if row.kind == "cap"], {}, tmp_path).read_text())
    assert not any(caption.startswith("Against WebP") for caption in page.tables)


def test_without_comparisons_the_rival_is_the_anchor(page: Page):
    assert any(caption.startswith("Against WebP") for caption in page.tables)


def test_many_warnings_do_not_push_the_figures_away(rows: list[Row], tmp_path: Path):
    source = write_report(rows, {"warnings": [f"warning {index}" for index in range(9)]}, tmp_path).read_text()
    assert source.index("warning 2") < source.index("6 more</summary>") < source.index("warning 3")
    assert "odd" in Page(write_report(rows, {"warnings": "odd"}, tmp_path).read_text()).text


def test_long_records_are_folded(rows: list[Row], tmp_path: Path):
    faces = {f"face{index}": "digest" for index in range(20)}
    source = write_report(rows, {"faces": faces}, tmp_path).read_text()
    assert source.index("20 of them</summary>") < source.index("<dt>face0</dt>")


def test_environment_and_command_are_told(page: Page):
    for text in ("grain-bench FACES --max-bytes 200 --max-bytes 400", "9f3a88c1", "0123abc", "2026-01-02", "at 256 px"):
        assert text in page.text


def test_rows_without_pictures_environment_or_rivals_make_a_report(rows: list[Row], tmp_path: Path):
    ours = [row for row in rows if row.output]
    assert "no other fits" in Page(write_report(ours, {}, tmp_path).read_text()).text
    ordinary = [row for row in rows if not row.output]
    assert "no headline" in Page(write_report(ordinary, {}, tmp_path).read_text()).text
    curves = [row for row in rows if row.kind == "curve"]
    assert Page(write_report(curves, {}, tmp_path).read_text()).all("svg")


def test_no_rows_no_report(tmp_path: Path):
    with pytest.raises(GrainError, match="no rows"):
        write_report([], {}, tmp_path)
    assert not list(tmp_path.iterdir())
