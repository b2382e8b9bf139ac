"""The geometry of a model of the published kind."""

from dataclasses import dataclass
from typing import ClassVar

from grain_codec.coding.grid import GRID
from grain_codec.models.spec import Spec, bounded


@dataclass(frozen=True)
class Grain2022Spec(Spec):
    """Sizes of a model of the published kind; as they stand here, those of the published one."""

    family: ClassVar[str] = "grain-2022"
    name: str = "grain-2022"  # The model's name for users (`-m`).
    image_size: int = bounded(1024, 4 * GRID, 2048)  # Side of the face in pixels, a power of two.
    width: int = bounded(64, 2, 256)  # Channels of the rescaling module's feature maps.
    growth: int = bounded(32, 1, 128)  # Channels that each convolution of a dense block adds.
    encoder_blocks: int = bounded(10, 0, 32)  # Residual in residual dense blocks of the encoder, at 16x16.
    # Blocks of the decoder at 16, 32, ... `image_size`; the last two sizes have light ones.
    decoder_blocks: tuple[int, ...] = bounded((3, 3, 3, 2, 1, 1, 1), 0, 8)
    # Channels of the generator's feature maps at 4, 8, ... `image_size`.
    generator_channels: tuple[int, ...] = bounded((512, 512, 512, 512, 512, 256, 128, 64, 32), 1, 1024)
    code_channels: int = bounded(512, 1, 1024)  # Length of each of the generator's codes.
    # Layers of the generator's mapping network, which takes no part in decoding.
    mapping_layers: int = bounded(8, 0, 16)

    @property
    def fine_qualities(self) -> int:
        """There is one quality."""
        return 1

    @property
    def halvings(self) -> int:
        """The number of times that the face is halved until it is 16x16."""
        return (self.image_size // GRID).bit_length() - 1

    @property
    def channels(self) -> dict[int, int]:
        """Channels of the generator's feature maps, by their sizes 4, 8, ... `image_size`."""
        return {4 << octave: channels for octave, channels in enumerate(self.generator_channels)}

    def check(self) -> None:
        """See `Spec.check`."""
        super().check()
        self._require(self.image_size == GRID << self.halvings, "image_size")
        self._require(len(self.decoder_blocks) == self.halvings + 1, "decoder_blocks")
        self._require(len(self.generator_channels) == self.halvings + 3, "generator_channels")
