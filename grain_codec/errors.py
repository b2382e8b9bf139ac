"""The errors that a user's input can cause, and how messages show them; each error's text is meant for that user."""

MOST_REASON = 500  # Characters of an error's text that are shown.


class GrainError(Exception):
    """Base of every error that a user or a file can cause."""


class NotGrain(GrainError):
    """The bytes are no .grain file and no carrier image."""


class Truncated(GrainError):
    """The file ends before its content does."""


class Corrupt(GrainError):
    """The file was damaged, or written by something that breaks the format's rules."""


class UnsupportedVersion(GrainError):
    """The file is of a format version, or uses a feature, that this reader does not know."""


class WrongModel(GrainError):
    """The file needs other weights than those at hand, or the weights file is not usable."""


class BadImage(GrainError):
    """The picture cannot be encoded as it is."""


class NoFace(BadImage):
    """The picture shows no face that could be cut out."""


class TooLarge(GrainError):
    """The face does not fit in the bytes allowed; the text names the smallest size that is possible."""


def printable(text: str) -> str:
    """A text, whoever wrote it, in one line and without characters that command a terminal.

    Example: a line break in a name -> a backslash and an n
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def reason_of(error: BaseException, name: str) -> str:
    """An error's text as one short line that follows the name of a file.

    Args:
        error: any error; its kind is named if it is neither ours nor the operating system's.
        name: is left out where the text begins with it.
    """
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    if not isinstance(error, (GrainError, OSError)):
        text = f"{type(error).__name__}: {text}"
    # The text may quote what a file holds.
    text = printable(text.removeprefix(f"{name}: "))
    return text if len(text) <= MOST_REASON else f"{text[:MOST_REASON]}..."


def install_command(extra: str) -> str:
    """The command that installs what an extra of this package needs.

    It names the packages of the extra, which works for an installation from a clone and from a wheel alike.

    Example: "train" -> pip install "tensorboard>=2"
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        wanted = [line.partition(";")[0] for line in requires("grain-codec") or [] if f'extra == "{extra}"' in line]
    except PackageNotFoundError:
        wanted = []
    return " ".join(["pip install", *(f'"{requirement}"' for requirement in wanted or [f".[{extra}]"])])
