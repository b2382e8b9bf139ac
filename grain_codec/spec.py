"""The geometry of a model: every size that its networks, its symbols and its files depend on."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from grain_codec.errors import WrongModel

GRID = 16
"""Cells a side: the LR image is GRID x GRID pixels, one pixel a cell."""

LR_SAMPLES = GRID * GRID * 3


@dataclass(frozen=True)
class ModelSpec:
    """Sizes of a model; travels as JSON in the header of its weights file.

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
    """

    name: str = "face-1024"
    image_size: int = 1024
    view_size: int = 128
    thumbnail_components: int = 448
    detail_components: int = 40
    neighbour_components: int = 12
    predictor_width: int = 128
    predictor_blocks: int = 2
    enhancement_width: int = 64
    enhancement_blocks: int = 4
    position_channels: int = 16
    coarsest_step: float = 2.0
    steps_per_octave: int = 16
    fine_qualities: int = 48
    thumbnail_step_ratio: float = 0.125
    quality_levels: tuple[int, ...] = (8, 12, 16, 20, 23, 26, 29, 33)

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
        return self.coarsest_step * 2.0 ** (-fine_quality / self.steps_per_octave)

    def thumbnail_step(self, fine_quality: int) -> float:
        """Quantiser step of the thumbnail's principal components, in units of the image range."""
        return self.detail_step(fine_quality) * self.thumbnail_step_ratio

    def nearest_level(self, fine_quality: int) -> int:
        """The public quality level, from 1, whose fine quality is nearest."""
        distances = [abs(fine_quality - level) for level in self.quality_levels]
        return distances.index(min(distances)) + 1

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, so that equal specs give equal bytes."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_header(cls, header: bytes) -> ModelSpec:
        """The spec in the JSON header of a safetensors file.

        Raises:
            WrongModel: there is none.
        """
        try:
            text = json.loads(header)["__metadata__"]["spec"]
        except (ValueError, KeyError, TypeError) as error:
            raise WrongModel("the weights file carries no spec of a grain-codec model") from error
        return cls.from_json(text)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Reads what `to_json` wrote.

        Raises:
            WrongModel: the text is not the JSON of a spec with exactly these fields and types.
        """
        try:
            fields = json.loads(text)
            fields["quality_levels"] = tuple(fields["quality_levels"])
            spec = cls(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise WrongModel(f"the model's spec cannot be read: {error}") from error
        for field in dataclasses.fields(cls):
            if type(getattr(spec, field.name)) is not type(field.default):
                raise WrongModel(f"the model's spec has a {field.name} of the wrong type")
        return spec
