"""The frame of the report: one HTML file that asks nothing of the network, in light and dark, on any screen."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from grain_codec.benchmarks.report.markup import Markup, joined, tag
from grain_codec.benchmarks.report.palette import DARK, LIGHT


def page(title: str, *body: Markup) -> str:
    """A whole document around its body.

    Style and script are in the file and named by their hash in its content security policy, so that a browser
    neither loads anything nor runs a script that came with a file's name.
    """
    style = _palette_style() + _resource("report.css")
    script = _resource("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    )
    content = tag("body", *body, tag("script", Markup(script)))
    return "<!doctype html>\n" + tag("html", head, content, lang="en") + "\n"


def section(identifier: str, title: str, *children: object) -> Markup:
    """A part of the page with its heading."""
    return tag(
        "section", tag("h2", title, id=f"{identifier}-title"), *children, id=identifier,
        aria_labelledby=f"{identifier}-title",
    )  # fmt: skip


def paragraph(*children: object, class_: str | None = None) -> Markup:
    """A paragraph."""
    return tag("p", *children, class_=class_)


def table(caption: str, head: list[object], *bodies: Markup) -> Markup:
    """A table in a box of its own that scrolls sideways, with the keyboard too.

    Args:
        caption: also what a screen reader calls the box.
        head: titles of the columns.
        bodies: `<tbody>` elements.
    """
    columns = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in head)))
    whole = tag("table", tag("caption", tag("span", caption)), columns, *bodies)
    return tag("div", whole, class_="scroll", role="region", tabindex=0, aria_label=caption)


def table_row(title: object, *cells: object, class_: str | None = None) -> Markup:
    """A row; cells that are not markup become `<td>`."""
    made = (cell if isinstance(cell, Markup) else tag("td", cell) for cell in cells)
    return tag("tr", tag("th", title, scope="row"), *made, class_=class_)


def details(title: str, *children: object, opened: bool = False) -> Markup:
    """Something that a reader may unfold."""
    return tag("details", tag("summary", title), joined(*children), open=opened)


def _palette_style() -> str:
    """The colours as CSS variables, and a class for each, for the shapes of figures."""
    light, dark = ("".join(f"--{name}: {value}; " for name, value in colours.items()) for colours in (LIGHT, DARK))
    rules = [f":root {{ {light}}}", f"@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}"]
    for name in LIGHT:
        rules.append(f"svg .line.{name} {{ stroke: var(--{name}); }}")
        rules.append(f"svg .disc.{name}, svg text.{name} {{ fill: var(--{name}); }}")
        rules.append(f"svg .ring.{name} {{ fill: var(--surface); stroke: var(--{name}); stroke-width: 1.2; }}")
    return "\n".join(rules) + "\n"


def _resource(name: str) -> str:
    return resources.files("grain_codec.benchmarks.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
