"""The geometry of a face-1024 model."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.models.spec import FIRST_FAMILY, Sizes, Spec, bounded


@dataclass(frozen=True)
class DrawingSpec(Sizes):
    """Sizes of the two modules that draw what is not transmitted, the prior and the fusion."""

    # Side of the picture that they draw, in pixels; larger pictures are interpolated from it.
    size: int = bounded(256, 4 * GRID, 2048)
    code_width: int = bounded(128, 1, 1024)  # Length of the style code.
    position_channels: int = bounded(8, 1, 64)  # Channels of each module's learned map of where in the face it is.
    # Channels of the prior at 16, 32, ... `size` / 2 pixels.
    prior_widths: tuple[int, ...] = bounded((128, 128, 64, 32), 4, 1024)
    prior_blocks: int = bounded(2, 0, 32)  # Residual blocks of the prior at 16 pixels.
    # Channels of the fusion at 32, 64, ... `size` / 2 pixels.
    fusion_widths: tuple[int, ...] = bounded((96, 48, 24), 4, 1024)
    fusion_blocks: tuple[int, ...] = bounded((3, 1, 1), 0, 32)  # Residual blocks of the fusion at the same scales.
    # Channels of the fixed noise at each of these scales, of which the fusion makes texture.
    noise_channels: int = bounded(4, 1, 16)
    # Side, in cells, of the neighbourhood whose mean cell is taken out of what the fusion adds; odd and at least 3, or
    # 0, which leaves it in.
    repetition_window: int = bounded(3, 0, GRID - 1)

    def check(self) -> None:
        """See `Sizes.check`."""
        super().check()
        self._require(GRID << len(self.prior_widths) == self.size, "prior_widths")
        self._require(len(self.fusion_widths) == len(self.prior_widths) - 1, "fusion_widths")
        self._require(len(self.fusion_blocks) == len(self.fusion_widths), "fusion_blocks")
        self._require(self.repetition_window == 0 or self.repetition_window in range(3, GRID, 2), "repetition_window")


@dataclass(frozen=True)
class Face1024Spec(Spec):
    """Sizes of a face-1024 model; travels as JSON in the header of its weights file."""

    family: ClassVar[str] = FIRST_FAMILY

    name: str = "face-1024"  # The model's name for users (`-m`).
    image_size: int = bounded(1024, 4 * GRID, 2048)  # Side of the face in pixels.
    # Side of the antialiased view that is transmitted; everything finer is drawn.
    view_size: int = bounded(128, 4 * GRID, 512)
    thumbnail_components: int = bounded(448, 1, LR_SAMPLES)  # Principal components kept of the 16x16 thumbnail.
    detail_components: int = bounded(40, 1, 96)  # Coefficients transmitted for a cell beyond its thumbnail pixel.
    # Leading coefficients of a decoded neighbour that predict a cell linearly.
    neighbour_components: int = bounded(12, 0, 64)
    # Channels and residual blocks of the cell predictor.
    predictor_width: int = bounded(128, 1, 1024)
    predictor_blocks: int = bounded(2, 0, 32)
    # The same of the network after the last cell is decoded.
    enhancement_width: int = bounded(64, 1, 1024)
    enhancement_blocks: int = bounded(4, 0, 32)
    # Channels of the learned map that tells the predictor where in the face it is.
    position_channels: int = bounded(16, 0, 64)
    # Quantiser step of the details at fine quality 0, in units of the image range.
    coarsest_step: float = bounded(2.0, 1e-3, 1e3)
    steps_per_octave: int = bounded(16, 1, 255)  # Fine qualities in which the quantiser step halves.
    fine_qualities: int = bounded(80, 1, 256)  # Number of fine qualities; a file stores one of them.
    thumbnail_step_ratio: float = bounded(0.125, 1e-3, 1e3)  # Quantiser step of the thumbnail over that of the details.
    # The fine quality of each public level 1, 2, ...
    quality_levels: tuple[int, ...] = bounded((0, 8, 14, 19, 24, 33, 47, 76), 0, 255)
    drawing: DrawingSpec | None = None  # Sizes of the prior and the fusion module; None where the model has neither.

    @property
    def cell_size(self) -> int:
        """Side of a cell in the view, in pixels."""
        return self.view_size // GRID

    @property
    def cell_samples(self) -> int:
        """Samples of a cell in the view (RGB)."""
        return 3 * self.cell_size**2

    def detail_step(self, fine_quality: int) -> float:
        """Quantiser step of the detail coefficients, in units of the image range."""
        return float(self.coarsest_step * 2.0 ** (-fine_quality / self.steps_per_octave))

    def thumbnail_step(self, fine_quality: int) -> float:
        """Quantiser step of the thumbnail's principal components, in units of the image range."""
        return self.detail_step(fine_quality) * self.thumbnail_step_ratio

    def of_files(self) -> Self:
        """See `Spec.of_files`: all but what is drawn beyond what is transmitted."""
        return dataclasses.replace(self, drawing=None)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """See `Spec.from_fields`."""
        if isinstance(fields.get("drawing"), dict):
            fields = {**fields, "drawing": DrawingSpec.from_fields(fields["drawing"])}
        return super().from_fields(fields)

    def check(self) -> None:
        """See `Sizes.check`."""
        super().check()
        self._require(self.view_size % (4 * GRID) == 0, "view_size")
        self._require(self.detail_components <= self.cell_samples, "detail_components")
        self._require(self.neighbour_components <= self.detail_components, "neighbour_components")
        self._require(0 < len(self.quality_levels) <= 8, "quality_levels")
        self._require(max(self.quality_levels) < self.fine_qualities, "quality_levels")
        self._require(self.drawing is None or isinstance(self.drawing, DrawingSpec), "drawing")
