"""The interface of a family of models: everything that the codec, the pipelines and the command line need of one.

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

Rows = dict[str, str | int | float]  # The description of a file: values by label.


class Symbols(Protocol):
    """The input of a decoder's networks for one face: whole numbers, in a class of each family's own."""

    @property
    def fine_quality(self) -> int:
        """The fine quality, which selects the model's quantiser step for the whole numbers."""


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
    """

    record_dtype: np.dtype[Any]  # Type of the whole numbers of a record.
    record_length: int  # How many there are.

    @abstractmethod
    def encode(self, symbols: S) -> Payload:
        """Entropy-codes a face."""

    @abstractmethod
    def decode(self, payload: Payload) -> S:
        """The symbols of a payload. Raises Corrupt: the payload is not exactly what `encode` gives for some symbols."""

    @abstractmethod
    def to_lr_image(self, symbols: S, payload: Payload | None = None) -> npt.NDArray[np.uint8]:
        """The LR image uint8 `[16, 16, 3]` of a face; `payload` spares encoding the symbols again."""

    def tail(self, payload: Payload) -> bytes:
        """The part of a payload that the LR image does not carry; empty where the LR image carries all of it."""
        return b""

    @abstractmethod
    def from_lr_image(
        self, pixels: npt.NDArray[np.uint8], fine_quality: int | None, tail: bytes = b""
    ) -> tuple[S, Payload | None]:
        """The symbols that an LR image and its tail hold, and their payload where they hold that.

        Raises NotGrain where the fine quality is needed, and Corrupt for an image that `to_lr_image` does not give.
        """

    @abstractmethod
    def pack(self, symbols: S) -> npt.NDArray[Any]:
        """The record of a face, `[record_length]` of `record_dtype`."""

    @abstractmethod
    def describe(self, symbols: S, payload: Payload) -> Rows:
        """The description of a face's symbols: values by label."""


Code = Callable[[Sequence[S]], Iterable[Payload]]  # Entropy-codes some faces, in whichever processes.


@dataclass(frozen=True)
class Request(Generic[S]):
    """The request to encode one face."""

    settings: EncodeSettings  # Quality or byte limit, and effort.
    write: Callable[[S, Payload], bytes]  # Makes the whole file of symbols and their payload.


class Encoder(ABC, Generic[S]):
    """Chooses the symbols of faces."""

    @abstractmethod
    def encode(
        self, images: Tensor, requests: Sequence[Request[S]], code: Code[S] | None = None
    ) -> list[bytes | TooLarge]:
        """Encodes faces `[B, 3, S, S]` in [0, 1] together, one request each.

        `code` entropy-codes the faces; None codes them here. A TooLarge, whose text names the size, takes the place of
        a file that does not fit.
        """

    @abstractmethod
    def analyse(self, image: Tensor, fine_quality: int) -> S:
        """The symbols of a face `[1, 3, S, S]` in [0, 1] at a fine quality."""


class ModelFamily(ABC, Generic[SpecType, S]):
    """A kind of model."""

    spec_type: type[SpecType]  # The class of its specs; `spec_type.family` is the family's name.
    training_module: ClassVar[str]  # Dotted name of the package whose `TRAINING` trains its models.
    most_threads: ClassVar[int | None] = None  # Threads that pay for its networks on a CPU; None leaves them to torch.
    # The message for a user who has no weights of the family, or "" where weights are shipped.
    without_weights: ClassVar[str] = ""

    @abstractmethod
    def coder(self, spec: SpecType, tensors: Tensors) -> Coder[S]:
        """The coder of a model. Raises WrongModel where a table is missing or of the wrong shape or type."""

    @abstractmethod
    def build_networks(self, spec: SpecType, modules: Collection[str]) -> ReciprocalNetworks:
        """Fresh networks; `modules` says which of the three there are, unless the family's spec does."""

    @abstractmethod
    def encoder(self, networks: ReciprocalNetworks, coder: Coder[S]) -> Encoder[S]:
        """The encoder that `build_networks` and `coder` of the same model make together."""

    @abstractmethod
    def usual_batch(self, device: torch.device) -> int:
        """The number of faces that are drawn at once unless the user chooses another."""

    def usual_dtype(self, device: torch.device) -> torch.dtype:
        """The type that the family's networks compute in, for batches, unless the user chooses another."""
        import torch

        return torch.float32


def tensor_of(tensors: Tensors, name: str) -> npt.NDArray[Any]:
    """An array of a weights file. Raises WrongModel: there is none of this name."""
    if name not in tensors:
        raise WrongModel(f"the tensor {name} is missing")
    return tensors[name]
