"""The geometry of a face-1024 model."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.models.spec import FIRST_FAMILY, Sizes, Spec, bounded


@dataclass(frozen=True)
class DrawingSpec(Sizes):
    """Sizes of the two modules that draw what is not transmitted, the prior and the fusion."""

    code_width: int = bounded(512, 1, 1024)  # Length of the style code.
    position_channels: int = bounded(8, 1, 64)  # Channels of the learned map of where in the face it is.
    # Channels of the network that reads the view, at a half, a quarter and an eighth of the view's side.
    predictor_widths: tuple[int, ...] = bounded((96, 208, 288), 4, 1024)
    predictor_blocks: tuple[int, ...] = bounded((1, 2, 2), 0, 32)  # Its residual blocks at the same scales.
    # Channels of the generator's feature maps, from a half of the view's side to a half of the picture's.
    generator_widths: tuple[int, ...] = bounded((512, 256, 128, 64), 4, 1024)
    # Channels and residual blocks of the fusion.
    fusion_width: int = bounded(48, 4, 1024)
    fusion_blocks: int = bounded(2, 0, 32)

    def picture_size(self, view_size: int) -> int:
        """Side in pixels of the picture that is drawn from a view; larger ones are interpolated from it."""
        return view_size // 2 << len(self.generator_widths)

    def check(self) -> None:
        """See `Sizes.check`."""
        super().check()
        self._require(len(self.predictor_widths) == 3, "predictor_widths")
        self._require(len(self.predictor_blocks) == 3, "predictor_blocks")
        self._require(3 <= len(self.generator_widths) <= 6, "generator_widths")
        self._require(all(width % 4 == 0 for width in self.generator_widths), "generator_widths")


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
    # Read by nothing; the specs of existing weights, and so the fingerprints in their files, hold it.
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
