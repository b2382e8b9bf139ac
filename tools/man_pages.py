"""Writes man/*.1, a manual page of every command and subcommand, from their help: python tools/man_pages.py."""

from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

import click


class ManFormatter(click.HelpFormatter):
    """Formats help as the macros of man(7), which wrap the text themselves."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Writes the synopsis."""
        self.write(f".SH SYNOPSIS\n.B {escaped(prog)}\n{escaped(args)}\n.SH DESCRIPTION\n")

    def write_heading(self, heading: str) -> None:
        """Begins a section."""
        self.write(f".SH {escaped(heading.upper())}\n")

    def write_paragraph(self) -> None:
        """Writes nothing: `write_text` and the macros of sections begin paragraphs."""

    def write_text(self, text: str) -> None:
        """Writes paragraphs; the lines of one that begins with a backspace are kept."""
        for paragraph in text.split("\n\n"):
            lines = escaped(paragraph.removeprefix("\b").strip("\n"))
            self.write(f".PP\n.nf\n{lines}\n.fi\n" if paragraph.startswith("\b") else f".PP\n{lines}\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Writes a list of options or subcommands."""
        self.write("".join(f".TP\n.B {escaped(name)}\n{escaped(meaning)}\n" for name, meaning in rows))


def escaped(text: str) -> str:
    """Text in which nothing is a request to roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.split("\n"))


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """File names and contents of the pages of a command and of its subcommands."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    command.format_help(context, formatter := ManFormatter(width=10_000))  # click cuts off summaries that are longer.
    page, summary = context.command_path.replace(" ", "-"), escaped(command.get_short_help_str(10_000))
    yield f"{page}.1", f'.TH "{page.upper()}" 1\n.SH NAME\n{escaped(page)} \\- {summary}\n{formatter.getvalue()}'
    for each, subcommand in getattr(command, "commands", {}).items():
        yield from pages(subcommand, each, context)


def all_pages() -> dict[str, str]:
    """File names and contents of the pages of all commands that the package installs."""
    commands = distribution("grain-codec").entry_points.select(group="console_scripts")
    return {file: text for command in commands for file, text in pages(command.load(), command.name)}


if __name__ == "__main__":
    for file, text in all_pages().items():
        (Path(__file__).resolve().parent.parent / "man" / file).write_text(text, encoding="utf-8")
