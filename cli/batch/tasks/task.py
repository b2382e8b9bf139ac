"""The work that a command does on a file, in three steps that may run in different processes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from grain_codec.cli.batch.tasks.figures import Figures
from grain_codec.runtime.pipeline import Read

Input = TypeVar("Input")
Kept = TypeVar("Kept")
Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class Converted:
    """The outputs of a task for one file."""

    data: bytes  # Bytes of the output.
    notices: tuple[str, ...] = ()  # What the user should know of it.
    further: tuple[bytes, ...] = ()  # Bytes of further outputs, in order.
    figures: tuple[Figures, ...] = ()  # What was measured of each output, of the first one first.


class Task(ABC, Generic[Input, Kept, Output]):
    """Makes outputs of sources; can be pickled.

    Every source goes through the three steps once. One process does them in turn, or worker processes read and finish
    while a pipeline of `grain_codec.runtime` computes batches of inputs in their place. What `read` keeps for `finish`
    travels between processes and should be small.
    """

    @abstractmethod
    def read(self, data: bytes, name: str) -> Read[Input, Kept]:
        """Does everything that comes before the networks.

        Args:
            data: all bytes of the source.
            name: what error texts call it.

        Raises:
            GrainError: the source cannot be converted.
        """

    @abstractmethod
    def compute(self, input: Input) -> Output:
        """Runs the networks; raises GrainError for what they cannot do."""

    @abstractmethod
    def finish(self, kept: Kept, output: Output) -> Converted:
        """Makes the bytes of the file that is written."""
