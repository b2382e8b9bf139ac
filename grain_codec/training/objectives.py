"""The objective of a training stage: a module that turns a batch into a loss and figures.

An objective owns the networks that it trains, so that wrapping it for several GPUs wraps them all. It also owns the
adversary that they are trained against, if there is one; the trainer alternates between the two sides.
"""

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.training.losses.adversarial import Adversary

ADVERSARY = "adversary."


class Outcome(NamedTuple):
    """An objective's result for a batch; pictures are `[B, 3, S, S]` in [-1, 1], for the discriminator step."""

    loss: Tensor  # The loss that the generator step minimises.
    figures: dict[str, Tensor]  # Scalars to report, without a gradient.
    real: Tensor | None = None
    drawn: Tensor | None = None  # Without a gradient.


class Objective(nn.Module):
    """The loss of a stage and the networks that it trains.

    A subclass gives `forward(*batch) -> Outcome`, the generator step, which trains every parameter that requires
    a gradient and is not the adversary's.

    Attributes:
        restored_elsewhere: modules that come from files of their own at every start, such as frozen networks;
            they stay out of checkpoints.
        adversary: what the networks are trained against, or None.
    """

    restored_elsewhere: tuple[str, ...] = ()

    def __init__(self, adversary: Adversary | None = None):
        super().__init__()
        self.adversary = adversary

    def generator_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that the generator step trains, by name."""
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and not name.startswith(ADVERSARY)
        }

    def discriminator_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that the discriminator step trains, by name."""
        return {} if self.adversary is None else dict(self.adversary.named_parameters(prefix=ADVERSARY.rstrip(".")))

    def relative_rate(self, name: str) -> float:
        """The learning rate of a parameter, as a multiple of the recipe's."""
        return 1.0

    def training_state(self) -> dict[str, Tensor]:
        """The part of the state that a checkpoint keeps."""
        return {name: value for name, value in self.state_dict().items() if not self._is_restored_elsewhere(name)}

    def load_training_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `training_state` gave.

        Raises:
            WrongModel: the state is of another objective.
        """
        try:
            missing, unexpected = self.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise WrongModel(str(error)) from error
        wrong = [name for name in missing if not self._is_restored_elsewhere(name)] + unexpected
        if wrong:
            raise WrongModel(f"{wrong[0]} is missing or left over")

    def _is_restored_elsewhere(self, name: str) -> bool:
        return any(f"{name}.".startswith(f"{module}.") for module in self.restored_elsewhere)


def freeze_all_but(module: nn.Module, trained: Iterable[nn.Module]) -> None:
    """Lets gradients reach only some parts of a module."""
    module.requires_grad_(False)
    for part in trained:
        part.requires_grad_(True)
