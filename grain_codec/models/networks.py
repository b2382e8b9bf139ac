"""The pictures that a model's modules can draw: `fused`, `rescaled` and `prior`, with the paper's names."""

from abc import abstractmethod

from torch import Tensor, nn

from grain_codec.models.spec import MODULES_FOR, Spec


class ReciprocalNetworks(nn.ModuleDict):
    """The networks of a model, by the names of its modules: `rescaling`, and where it has them `prior`, `fusion`.

    A family's encoder knows the further methods of its own networks, which find the symbols of a face.
    """

    spec: Spec

    @property
    def outputs(self) -> tuple[str, ...]:
        """The pictures that these modules can draw, of "fused", "rescaled" and "prior" in this order."""
        return tuple(output for output, needed in MODULES_FOR.items() if all(module in self for module in needed))

    @abstractmethod
    def draw_records(self, records: Tensor, output: str) -> Tensor:
        """Draws faces.

        Args:
            records: `[B, N]` whole numbers, each row what the model's coder packs of a face.
            output: one of `outputs`.

        Returns:
            Pictures, uint8 `[B, S, S, 3]`.
        """

    def prepare_export(self) -> None:
        """Replaces what the exporter to ONNX cannot express. The networks must stay in float32 from then on."""

    def official_pictures(self, image: Tensor) -> dict[str, Tensor] | None:
        """The pictures that the published test program draws of a face, though no file can hold them.

        Args:
            image: `[1, 3, S, S]` in [0, 1].

        Returns:
            The LR image "lr" and the pictures by name, uint8 `[1, 3, H, W]`; None in a family without such a program.
        """
        return None
