"""The model that a command was asked for, in whichever process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grain_codec import codec
from grain_codec.cli.exits import RunImpossible
from grain_codec.errors import GrainError, reason_of
from grain_codec.portable.engine import choose_engine
from grain_codec.settings import ModelChoice

if TYPE_CHECKING:
    from grain_codec.codec import Codec, Decoder, FileCodec


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


def load_decoder(choice: ModelChoice) -> Decoder:
    """What draws the faces of a model, once in every process, with no more threads than pay; see `load_codec`."""
    with _naming(choice.name):
        loaded = codec.load_decoder(choice.name, choice.device, choice.precision, choice.engine)
    return load_codec(choice) if isinstance(loaded, codec.Codec) else loaded


def explain_engine(choice: ModelChoice) -> str:
    """A sentence on what draws the faces, and why; raises what `load_decoder` raises."""
    with _naming(choice.name):
        engine, reason = choose_engine(codec.file_codec(choice.name).model, choice)
    return f"drawing with {'torch' if engine == 'torch' else 'ONNX Runtime'}: {reason}"


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
