"""The model that a command was asked for, in whichever process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grain_codec import codec
from grain_codec.cli.exits import RunImpossible
from grain_codec.errors import GrainError, reason_of
from grain_codec.settings import ModelChoice

if TYPE_CHECKING:
    from grain_codec.codec import Codec, FileCodec


class ModelUnavailable(RunImpossible):
    """The model cannot be loaded."""


def load_codec(choice: ModelChoice) -> Codec:
    """A model with its networks, once in every process; small networks get no more threads than pay.

    Raises:
        ModelUnavailable: it cannot be loaded.
    """
    with _naming(choice.name):
        loaded = codec.load_model(choice.name, choice.device, choice.precision)
    most = loaded.family.most_threads
    if most is not None and loaded.device.type == "cpu":
        import torch

        torch.set_num_threads(min(torch.get_num_threads(), most))
    return loaded


def load_file_codec(choice: ModelChoice) -> FileCodec:
    """The codec for a model's files, loaded once in every process and without torch.

    Raises:
        ModelUnavailable: there is no such model, or its file is not usable.
    """
    with _naming(choice.name):
        return codec.file_codec(choice.name)


@contextmanager
def _naming(model: str) -> Iterator[None]:
    """Names the model that cannot be loaded."""
    try:
        yield
    except (GrainError, OSError) as error:
        raise ModelUnavailable(f"{model}: {reason_of(error, model)}") from error
