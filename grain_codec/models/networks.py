"""Which pictures a model's modules can draw: `fused`, `rescaled` and `prior`, with the paper's names."""

from __future__ import annotations

from torch import Tensor, nn

from grain_codec.ops.pixels import image_to_pixels

MODULES_FOR = {
    "fused": ("rescaling", "prior", "fusion"),
    "rescaled": ("rescaling",),
    "prior": ("rescaling", "prior"),
}
"""The modules that each picture needs. The first picture that a model can draw is its best."""


class ReciprocalNetworks(nn.ModuleDict):
    """The networks of a model, by the names of its modules: `rescaling`, and where it has them `prior`, `fusion`.

    Both kinds of model have two methods beside this: `draw` makes a picture of symbols, and what an
    encoder needs to find symbols is named as each kind's own way has it.
    """

    @property
    def outputs(self) -> tuple[str, ...]:
        """The pictures that these modules can draw, of "fused", "rescaled" and "prior" in this order."""
        return tuple(output for output, needed in MODULES_FOR.items() if all(module in self for module in needed))

    def draw_pixels(self, *symbols: Tensor, output: str) -> Tensor:
        """What `draw` gives as the bytes of pictures, uint8 `[B, S, S, 3]`."""
        return image_to_pixels(self.draw(*symbols, output))
