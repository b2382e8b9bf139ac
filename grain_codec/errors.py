"""What can go wrong with a user's input; each error's text is fit to be shown to that user."""

from __future__ import annotations


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


class TooLarge(GrainError):
    """The face does not fit in the bytes allowed; the text names the smallest size that is possible."""
