"""The discriminator of the rescaling stage: a logit for each patch of a small face."""

from torch import Tensor, nn

from grain_codec.models.grain2022.layers import LEAKY_SLOPE, conv3x3

CHANNELS = (64, 128, 256, 512)


class PatchDiscriminator(nn.Module):
    """Four pairs of 3x3 convolutions, the second of each halving, with batch normalisation from the second on."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels_in = 3
        for channels in CHANNELS:
            for source, stride in ((channels_in, 1), (channels, 2)):
                normalised = [nn.BatchNorm2d(channels)] if layers else []
                layers += [conv3x3(source, channels, stride), *normalised, nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
            channels_in = channels
        self.model = nn.Sequential(*layers, conv3x3(channels_in, 1))

    def forward(self, image: Tensor) -> Tensor:
        """`[B, 3, 256, 256]` in [-1, 1] -> logits `[B, 1, 16, 16]`, positive for real patches."""
        logits: Tensor = self.model(image)
        return logits
