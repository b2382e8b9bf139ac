"""Writes docs/reference.md: every public name of the Python interface, from its docstring.

python tools/api_reference.py
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

PUBLIC = {
    "grain_codec": ("encode", "decode", "decode_files", "load_model"),
    "grain_codec.codec": ("Codec", "FileCodec", "FaceFile", "load_model", "file_codec", "read_chunks"),
    "grain_codec.settings": ("EncodeSettings", "DecodeSettings", "Chunk"),
    "grain_codec.formats.plugins": ("register_grain_opener", "register_imageio"),
    "grain_codec.errors": (
        *("GrainError", "NotGrain", "Truncated", "Corrupt", "UnsupportedVersion", "WrongModel"),
        *("BadImage", "NoFace", "TooLarge"),
    ),
}
"""The public names of each module, in the order of the page."""

HEAD = """# Python reference

Every public name, with its docstring. [Python](python.md) explains them with examples. This page is made by
`python tools/api_reference.py`.
"""


def page() -> str:
    """The page in Markdown."""
    parts = [HEAD]
    for module, names in PUBLIC.items():
        parts.append(f"## {module}\n")
        for name in names:
            parts += _entries(f"{module}.{name}", getattr(importlib.import_module(module), name))
    return "\n".join(parts)


def _entries(name: str, documented: object) -> Iterator[str]:
    """The entries of a function, or of a class and its own public methods and properties."""
    yield _entry(name, documented)
    if inspect.isclass(documented):
        for member, value in vars(documented).items():
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if not member.startswith("_") and inspect.isfunction(function):
                yield _entry(f"{name}.{member}", function, is_property=isinstance(value, property))


def _entry(name: str, documented: object, is_property: bool = False) -> str:
    """A heading, the signature and the docstring."""
    signature = "" if is_property else _signature(documented)
    shown = f"{name.rpartition('.')[2]}{signature}"
    return f"### {name}\n\n```text\n{shown}\n```\n\n```text\n{inspect.getdoc(documented)}\n```\n"


class _Bare(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def _signature(documented: object) -> str:
    """The signature of a function or class, in one line or with a line for each parameter."""
    if inspect.isclass(documented) and issubclass(documented, Exception):
        return ""
    assert callable(documented)
    signature = inspect.signature(documented)
    parameters = [each.replace(annotation=_bare(each.annotation)) for each in signature.parameters.values()]
    result = inspect.Signature.empty if inspect.isclass(documented) else _bare(signature.return_annotation)
    shown = str(signature.replace(parameters=parameters, return_annotation=result))
    if len(shown) <= 100:
        return shown
    return re.sub(r", (?=\*|self\b|\w+: )", ",\n    ", shown.replace("(", "(\n    ", 1))


def _bare(annotation: object) -> object:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
