"""How different two pictures look: LPIPS on AlexNet, version 0.1, and its shift-tolerant variant.

Zhang et al. 2018 ("The unreasonable effectiveness of deep features as a perceptual metric") and
Ghildyal and Liu 2022 ("Shift-tolerant perceptual similarity metric"). The user supplies the weights; their files
decide widths and kernel sizes.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_tensors

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)  # Mean and deviation of ImageNet's channels for samples in [-1, 1].

EPSILON = 1e-10

LAYERS = (0, 3, 6, 8, 10)
"""Index of each convolution in torchvision's `features`, and in the slices of the `lpips` package."""

SHIFT_TOLERANT_LAYERS = (0, 5, 9, 11, 13)
BLURS = {0: "slice1.1", 1: "slice2.4", 2: "slice3.8"}
"""The shift-tolerant variant's low-pass filters: after the first convolution, before the next two."""

PADDINGS = (2, 2, 1, 1, 1)
POOLED = (1, 2)  # Convolutions that come after max pooling.


class PerceptualDistance(nn.Module):
    """Weighted squared differences of unit-normalised AlexNet features, summed over five layers."""

    shift: Tensor
    scale: Tensor

    def __init__(self, convolutions: Sequence[tuple[Tensor, Tensor]], heads: Sequence[Tensor]):
        """Takes weight and bias of five convolutions, and five weights `[1, C, 1, 1]` of their channels."""
        super().__init__()
        for index, ((weight, bias), head) in enumerate(zip(convolutions, heads, strict=True)):
            if head.shape != (1, len(weight), 1, 1):
                raise WrongModel(f"the perceptual head {index} is of another network")
            self.register_buffer(f"weight{index}", weight)
            self.register_buffer(f"bias{index}", bias)
            self.register_buffer(f"head{index}", head)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two `[B, 3, H, W]` in [-1, 1] -> `[B]`, zero for equal pictures; in float32 even under autocast."""
        with torch.autocast(one.device.type, enabled=False):
            return self.distance(self.features(one.float()), self.features(other.float()))

    def features(self, image: Tensor) -> list[Tensor]:
        """The compared features of `[B, 3, H, W]` in [-1, 1]: five activations of unit length over the channels."""
        return [_normalised(found) for found in self._activations((image - self.shift) / self.scale)]

    def distance(self, features: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
        """The distance `[B]` of two pictures by their features."""
        pairs = enumerate(zip(features, others, strict=True))
        weighted = [F.conv2d((mine - theirs).square(), getattr(self, f"head{i}")) for i, (mine, theirs) in pairs]
        return torch.stack([each.mean((1, 2, 3)) for each in weighted]).sum(0)

    def _activations(self, x: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        for index in range(len(LAYERS)):
            x = F.relu(self._layer(index, x))
            found.append(x)
        return found

    def _layer(self, index: int, x: Tensor) -> Tensor:
        """A convolution, with the pooling before it."""
        if index in POOLED:
            x = F.max_pool2d(x, 3, 2)
        return self._convolve(index, x, 4 if index == 0 else 1)

    def _convolve(self, index: int, x: Tensor, stride: int) -> Tensor:
        weight, bias = getattr(self, f"weight{index}"), getattr(self, f"bias{index}")
        return F.conv2d(x, weight, bias, stride, PADDINGS[index])


class ShiftTolerantDistance(PerceptualDistance):
    """The distance with a low-pass filter before every stride.

    The first convolution runs at full resolution, which takes a long time for pictures of 1024 px.
    """

    def __init__(
        self, convolutions: Sequence[tuple[Tensor, Tensor]], heads: Sequence[Tensor], filters: Sequence[Tensor]
    ):
        """`filters` are `[C, 1, 3, 3]` for the channels of the first three convolutions' inputs or outputs."""
        super().__init__(convolutions, heads)
        for index, taps in enumerate(filters):
            self.register_buffer(f"filter{index}", taps)

    def _layer(self, index: int, x: Tensor) -> Tensor:
        """See `PerceptualDistance`; what strides there is filtered here and keeps every second sample."""
        if index in POOLED:
            x = self._blur(index, F.max_pool2d(x, 3, 1))
        x = self._convolve(index, x, 1)
        return self._blur(index, x) if index == 0 else x

    def _blur(self, index: int, x: Tensor) -> Tensor:
        """Low-pass and every second sample."""
        taps = getattr(self, f"filter{index}")
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), taps, stride=2, groups=x.shape[1])


def load_perceptual(paths: Sequence[Path]) -> PerceptualDistance:
    """Reads a perceptual distance from one file or several that belong together.

    Args:
        paths: AlexNet as torchvision publishes it (keys `features.0.weight`, ...) together with the heads of
            the `lpips` package (`lin0.model.1.weight`, ...); or one file with both under that package's keys
            (`net.slice1.0.weight`, ...); or the shift-tolerant variant's one file.

    Raises:
        WrongModel: a file cannot be read, or something is missing in them; the text names it.
    """
    tensors: dict[str, Tensor] = {}
    for path in paths:
        tensors.update(read_tensors(path, "state_dict"))
    names = ", ".join(map(str, paths))
    is_shift_tolerant = "net.slice1.1.filt" in tensors
    try:
        heads = [tensors[f"lin{index}.model.1.weight"] for index in range(len(LAYERS))]
        layers = SHIFT_TOLERANT_LAYERS if is_shift_tolerant else LAYERS
        convolutions = [_convolution(tensors, index, layer) for index, layer in enumerate(layers)]
        if not is_shift_tolerant:
            return PerceptualDistance(convolutions, heads).requires_grad_(False).eval()
        filters = [tensors[f"net.{name}.filt"] for name in BLURS.values()]
        return ShiftTolerantDistance(convolutions, heads, filters).requires_grad_(False).eval()
    except KeyError as error:
        raise WrongModel(f"{names}: no perceptual distance: {error.args[0]} is missing") from error
    except WrongModel as error:
        raise WrongModel(f"{names}: {error}") from error


def _convolution(tensors: dict[str, Tensor], index: int, layer: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution under the keys of torchvision or of the `lpips` package."""
    plain, sliced = f"features.{layer}", f"net.slice{index + 1}.{layer}"
    name = plain if f"{plain}.weight" in tensors else sliced
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _normalised(features: Tensor) -> Tensor:
    """Features scaled to unit length over the channels; EPSILON keeps the gradient finite where they are zero."""
    length = (features.square().sum(1, keepdim=True) + EPSILON**2).sqrt()
    return features / (length + EPSILON)
