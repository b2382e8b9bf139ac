"""HTML and SVG elements whose text and attributes are escaped by construction."""

from __future__ import annotations

import html

EMPTY_ELEMENTS = frozenset({"img", "input", "link", "meta"})
"""Elements that have neither content nor an end tag."""


class Markup(str):
    """Text that is markup already. Whatever else is put into an element is escaped."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        name: of the element.
        children: its content; `Markup` as it is, anything else as escaped text, None left out.
        attributes: `class_` becomes `class` and `aria_label` `aria-label`; True stands alone, None and False are
            left out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in EMPTY_ELEMENTS:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Several pieces of content, one after another, escaped where they are not markup."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def _escaped(child: object) -> str:
    return child if isinstance(child, Markup) else html.escape(str(child))


def _attribute(key: str, value: object) -> str:
    if value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
