"""What a kind of model is: everything that the codec, the pipelines and the command line ask one for.

A family lives in a folder of its own and is entered in `registry.py`. Nothing outside `grain_codec.models` knows
which families there are. Importing a family imports no torch; its networks do, when they are built.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from grain_codec.errors import TooLarge, WrongModel
from grain_codec.models.spec import Spec
from grain_codec.settings import EncodeSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from grain_codec.models.networks import ReciprocalNetworks

Tensors = Mapping[str, npt.NDArray[Any]]
"""Arrays of a weights file by name: `networks.*` for the networks, `tables.*` for the integer tables."""

Rows = dict[str, str | int | float]  # What there is to say of a file, by label.


class Symbols(Protocol):
    """What a decoder's networks are given of one face: whole numbers, in a class of each family's own."""

    @property
    def fine_quality(self) -> int:
        """Which of the model's quantiser steps the whole numbers count in."""


S = TypeVar("S", bound=Symbols)
SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True)
class Payload:
    """The entropy-coded symbols of a face, as a container stores them."""

    fine_quality: int
    data: bytes


class Coder(ABC, Generic[S]):
    """Goes between symbols, payloads, LR images and records, in integers and without torch.

    A record is a row of whole numbers that holds a face's symbols on their way between processes and to a GPU.

    Attributes:
        record_dtype: type of the whole numbers of a record.
        record_length: how many there are.
    """

    record_dtype: np.dtype[Any]
    record_length: int

    @abstractmethod
    def encode(self, symbols: S) -> Payload:
        """Entropy-codes a face."""

    @abstractmethod
    def decode(self, payload: Payload) -> S:
        """The symbols of a payload. Raises Corrupt: the payload is not exactly what `encode` gives for some symbols."""

    @abstractmethod
    def to_lr_image(self, symbols: S, payload: Payload | None = None) -> npt.NDArray[np.uint8]:
        """The LR image uint8 `[16, 16, 3]` of a face.

        Args:
            payload: what `encode` gives for the symbols, where it is known already.
        """

    @abstractmethod
    def from_lr_image(self, pixels: npt.NDArray[np.uint8], fine_quality: int | None) -> tuple[S, Payload | None]:
        """The symbols that an LR image holds, and their payload where it holds that.

        Raises:
            NotGrain: the fine quality is needed and not known.
            Corrupt: the image is none that `to_lr_image` gives.
        """

    @abstractmethod
    def pack(self, symbols: S) -> npt.NDArray[Any]:
        """The record of a face, `[record_length]` of `record_dtype`."""

    @abstractmethod
    def describe(self, symbols: S, payload: Payload) -> Rows:
        """What there is to say of a face's symbols."""


Code = Callable[[Sequence[S]], Iterable[Payload]]  # Entropy-codes some faces, in whichever processes.


@dataclass(frozen=True)
class Request(Generic[S]):
    """What is asked of one face.

    Attributes:
        settings: quality or byte limit, and effort.
        write: makes the whole file of symbols and their payload.
    """

    settings: EncodeSettings
    write: Callable[[S, Payload], bytes]


class Encoder(ABC, Generic[S]):
    """Chooses the symbols of faces."""

    @abstractmethod
    def encode(
        self, images: Tensor, requests: Sequence[Request[S]], code: Code[S] | None = None
    ) -> list[bytes | TooLarge]:
        """Encodes faces together.

        Args:
            images: `[B, 3, S, S]` in [0, 1].
            requests: one for each face.
            code: what entropy-codes the faces; None codes them here.

        Returns:
            The file of each face. A TooLarge, whose text names the size, takes the place of one that does not fit.
        """

    @abstractmethod
    def analyse(self, image: Tensor, fine_quality: int) -> S:
        """The symbols of a face `[1, 3, S, S]` in [0, 1] at a fine quality."""


class ModelFamily(ABC, Generic[SpecType, S]):
    """A kind of model.

    Attributes:
        spec_type: the class of its specs; `spec_type.family` is the family's name.
        training_module: dotted name of the package whose `TRAINING` trains its models.
        most_threads: threads that pay for its networks on a CPU; None leaves them to torch.
        without_weights: what a user is told who has no weights of it, or "" where weights are shipped.
    """

    spec_type: type[SpecType]
    training_module: ClassVar[str]
    most_threads: ClassVar[int | None] = None
    without_weights: ClassVar[str] = ""

    @abstractmethod
    def coder(self, spec: SpecType, tensors: Tensors) -> Coder[S]:
        """The coder of a model.

        Raises:
            WrongModel: a table is missing or of the wrong shape or type; the text names it.
        """

    @abstractmethod
    def build_networks(self, spec: SpecType, modules: Collection[str]) -> ReciprocalNetworks:
        """Fresh networks of a model.

        Args:
            modules: which of "rescaling", "prior" and "fusion" the model has; a family whose spec says so itself
                goes by its spec.
        """

    @abstractmethod
    def encoder(self, networks: ReciprocalNetworks, coder: Coder[S]) -> Encoder[S]:
        """The encoder that `build_networks` and `coder` of the same model make together."""

    @abstractmethod
    def usual_batch(self, device: torch.device) -> int:
        """Faces that are drawn at once where nobody says how many."""

    def usual_dtype(self, device: torch.device) -> torch.dtype:
        """What its networks compute in, in batches, where nobody says."""
        import torch

        return torch.float32


def tensor_of(tensors: Tensors, name: str) -> npt.NDArray[Any]:
    """An array of a weights file. Raises WrongModel: there is none of this name."""
    if name not in tensors:
        raise WrongModel(f"the tensor {name} is missing")
    return tensors[name]
