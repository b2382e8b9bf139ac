"""The geometry of a face-1024 model."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.models.spec import FIRST_FAMILY, Sizes, Spec, bounded


@dataclass(frozen=True)
class DrawingSpec(Sizes):
    """Sizes of the two modules that draw what is not transmitted, the prior and the fusion.

    Attributes:
        size: side of the picture that they draw, in pixels; larger pictures are interpolated from it.
        code_width: length of the style code.
        position_channels: channels of each module's learned map of where in the face it is.
        prior_widths: channels of the prior at 16, 32, ... `size` / 2 pixels.
        prior_blocks: residual blocks of the prior at 16 pixels.
        fusion_widths: channels of the fusion at 32, 64, ... `size` / 2 pixels.
        fusion_blocks: residual blocks of the fusion at the same scales.
        noise_channels: channels of the fixed noise at each of these scales, of which the fusion makes texture.
        repetition_window: side, in cells, of the neighbourhood whose mean cell is taken out of what the fusion adds;
            odd and at least 3, or 0, which leaves it in.
    """

    size: int = bounded(256, 4 * GRID, 2048)
    code_width: int = bounded(128, 1, 1024)
    position_channels: int = bounded(8, 1, 64)
    prior_widths: tuple[int, ...] = bounded((128, 128, 64, 32), 4, 1024)
    prior_blocks: int = bounded(2, 0, 32)
    fusion_widths: tuple[int, ...] = bounded((96, 48, 24), 4, 1024)
    fusion_blocks: tuple[int, ...] = bounded((3, 1, 1), 0, 32)
    noise_channels: int = bounded(4, 1, 16)
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
    """Sizes of a face-1024 model; travels as JSON in the header of its weights file.

    Attributes:
        name: what users call the model (`-m`).
        image_size: side of the face in pixels.
        view_size: side of the antialiased view that is transmitted; everything finer is drawn.
        thumbnail_components: principal components kept of the 16x16 thumbnail.
        detail_components: coefficients transmitted for a cell beyond its thumbnail pixel.
        neighbour_components: leading coefficients of a decoded neighbour that predict a cell linearly.
        predictor_width, predictor_blocks: channels and residual blocks of the cell predictor.
        enhancement_width, enhancement_blocks: the same of the network after the last cell is decoded.
        position_channels: channels of the learned map that tells the predictor where in the face it is.
        coarsest_step: quantiser step of the details at fine quality 0, in units of the image range.
        steps_per_octave: fine qualities in which the quantiser step halves.
        fine_qualities: number of fine qualities; a file stores one of them.
        thumbnail_step_ratio: quantiser step of the thumbnail over that of the details.
        quality_levels: the fine quality of each public level 1, 2, ...
        drawing: sizes of the prior and the fusion module; None where the model has neither.
    """

    family: ClassVar[str] = FIRST_FAMILY

    name: str = "face-1024"
    image_size: int = bounded(1024, 4 * GRID, 2048)
    view_size: int = bounded(128, 4 * GRID, 512)
    thumbnail_components: int = bounded(448, 1, LR_SAMPLES)
    detail_components: int = bounded(40, 1, 96)
    neighbour_components: int = bounded(12, 0, 64)
    predictor_width: int = bounded(128, 1, 1024)
    predictor_blocks: int = bounded(2, 0, 32)
    enhancement_width: int = bounded(64, 1, 1024)
    enhancement_blocks: int = bounded(4, 0, 32)
    position_channels: int = bounded(16, 0, 64)
    coarsest_step: float = bounded(2.0, 1e-3, 1e3)
    steps_per_octave: int = bounded(16, 1, 255)
    fine_qualities: int = bounded(48, 1, 256)
    thumbnail_step_ratio: float = bounded(0.125, 1e-3, 1e3)
    quality_levels: tuple[int, ...] = bounded((8, 12, 16, 20, 23, 26, 29, 33), 0, 255)
    drawing: DrawingSpec | None = None

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
