"""Measures of whether two pictures show the same person: distances between embeddings of trained recognisers.

The user supplies the weights; the names of their tensors say which recogniser they belong to.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import read_tensors
from grain_codec.training.judges.face_chip import CHIP_COLUMNS, CHIP_ROWS, CHIP_SIDE
from grain_codec.training.judges.identity_network import IRSE50, face_crop

CHIP_MEAN = (122.782, 117.001, 104.298)
"""The mean that is subtracted from RGB samples in 0..255; see `dlib::input_rgb_image_sized`."""

SHRINKING_BLOCKS = (3, 7, 10, 13)
BLOCKS = 14


class ArcFaceDistance(nn.Module):
    """1 - cosine of IR-SE50 embeddings (Deng et al. 2019, "ArcFace"): 0 for equal faces, about 1 for two persons."""

    def __init__(self) -> None:
        super().__init__()
        self.network = IRSE50()

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two `[B, 3, S, S]`, FFHQ-aligned, in [-1, 1] -> `[B]`; the gradient goes to the first alone.

        It computes in float32 even under autocast, since near the end of training the distance is a small
        difference of numbers near one. Convolutions on a GPU use TF32 unless torch is set otherwise.
        """
        with torch.autocast(one.device.type, enabled=False):
            with torch.no_grad():
                wanted = self.network(face_crop(other.float()))
            cosine: Tensor = (self.network(face_crop(one.float())) * wanted).sum(1)
            return 1 - cosine


class ChipDistance(nn.Module):
    """Euclidean distance of two embeddings of dlib's face recogniser: below about 0.6 for one person.

    A residual network of 29 convolutions (King 2017, `dlib_face_recognition_resnet_model_v1`), read from
    a file of its tensors: `conv{0..28}.{weight,bias}`, `affine{0..28}.{gamma,beta}`, `fc.weight`.
    """

    head: Tensor
    mean: Tensor

    def __init__(self, tensors: dict[str, Tensor]):
        super().__init__()
        for index in range(2 * BLOCKS + 1):
            self.register_buffer(f"weight{index}", tensors[f"conv{index}.weight"])
            # Normalisation with stored statistics is one scale and one shift, which includes the convolution's bias.
            gamma, beta = tensors[f"affine{index}.gamma"], tensors[f"affine{index}.beta"]
            self.register_buffer(f"gamma{index}", gamma.view(1, -1, 1, 1))
            shift = tensors[f"conv{index}.bias"] * gamma + beta
            self.register_buffer(f"shift{index}", shift.view(1, -1, 1, 1))
        self.register_buffer("head", tensors["fc.weight"])
        self.register_buffer("mean", torch.tensor(CHIP_MEAN).view(1, 3, 1, 1))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two `[B, 3, S, S]`, FFHQ-aligned, in [-1, 1] -> `[B]`; the gradient goes to the first alone."""
        with torch.autocast(one.device.type, enabled=False):
            with torch.no_grad():
                wanted = self.embed(other.float())
            return (self.embed(one.float()) - wanted).square().sum(1).add(1e-12).sqrt()

    def embed(self, image: Tensor) -> Tensor:
        """`[B, 3, S, S]` in [-1, 1] -> `[B, 128]`."""
        side = image.shape[-1]
        (top, bottom), (left, right) = ((round(a * side), round(b * side)) for a, b in (CHIP_ROWS, CHIP_COLUMNS))
        chip = image[:, :, top:bottom, left:right]
        chip = F.interpolate(chip, (CHIP_SIDE, CHIP_SIDE), mode="bilinear", antialias=True, align_corners=False)
        x = ((chip + 1) * 127.5 - self.mean) / 256
        x = F.max_pool2d(F.relu(self._layer(0, x, 2)), 3, 2)
        for block in range(BLOCKS):
            stride = 2 if block in SHRINKING_BLOCKS else 1
            y = F.relu(self._layer(2 * block + 1, x, stride))
            y = self._layer(2 * block + 2, y, 1)
            shortcut = F.avg_pool2d(x, 2, 2) if stride == 2 else x
            x = F.relu(_grown(y, shortcut) + _grown(shortcut, y))
        return F.linear(x.mean((2, 3)), self.head)

    def _layer(self, index: int, x: Tensor, stride: int) -> Tensor:
        weight = getattr(self, f"weight{index}")
        padding = 0 if stride == 2 else weight.shape[-1] // 2
        y = F.conv2d(x, weight, stride=stride, padding=padding)
        gamma: Tensor = getattr(self, f"gamma{index}")
        shift: Tensor = getattr(self, f"shift{index}")
        return y * gamma + shift


def load_identity(path: Path) -> nn.Module:
    """Reads a recogniser: IR-SE50 as published (`model_ir_se50.pth`), or dlib's under the keys of `ChipDistance`.

    Returns:
        A frozen module, (`[B, 3, S, S]`, `[B, 3, S, S]`) in [-1, 1] -> distances `[B]`.

    Raises:
        WrongModel: the file cannot be read, or is of neither; the text names it.
    """
    tensors = read_tensors(path, "state_dict")
    try:
        if "fc.weight" in tensors and "affine0.gamma" in tensors:
            distance: nn.Module = ChipDistance(tensors)
        else:
            distance = ArcFaceDistance()
            distance.network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise WrongModel(f"{path}: the weights of no recogniser: {str(error).splitlines()[0]}") from error
    return distance.requires_grad_(False).eval()


def _grown(x: Tensor, other: Tensor) -> Tensor:
    """Zeros after the last channel, row and column, up to the larger of the two shapes."""
    grow = [max(x.shape[axis], other.shape[axis]) - x.shape[axis] for axis in (3, 2, 1)]
    return F.pad(x, (0, grow[0], 0, grow[1], 0, grow[2]))
