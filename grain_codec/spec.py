"""The geometry of a model: every size that its networks, its symbols and its files depend on.

Each kind of model, a family, has a class of its own here. Which one a weights file is of stands in its
JSON as `family`; face-1024, the first, has no such entry.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from grain_codec.errors import WrongModel

GRID = 16
"""Cells a side: the LR image is GRID x GRID pixels, one pixel a cell."""

LR_SAMPLES = GRID * GRID * 3

MOST_ENTRIES = 16
"""Bound on the length of every list in a spec."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def bounded(default: Any, least: float, most: float) -> Any:
    """A field whose value, or each entry of it, lies within bounds: a file may claim any number."""
    return dataclasses.field(default=default, metadata={"bounds": (least, most)})


class Spec:
    """Base of the dataclasses below: to JSON and back, with every value checked."""

    family: ClassVar[str | None] = None

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, nothing that is None, so that equal specs give equal bytes."""
        fields = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        if self.family is not None:
            fields["family"] = self.family
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    def of_files(self) -> Self:
        """The part that gives encoded faces their meaning: all of it, where a subclass does not know better."""
        return self

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            WrongModel: the text is not the JSON of such a spec, or one of its sizes is out of bounds.
        """
        fields = _read_fields(text)
        if fields.pop("family", None) != cls.family:
            raise WrongModel(f"the model's spec is none of the family {cls.family or 'face-1024'}")
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """A checked spec of the fields in its JSON; raises what `from_json` raises."""
        try:
            spec = cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
        except TypeError as error:
            raise WrongModel(f"the model's spec cannot be read: {error}") from error
        spec.check()
        stated = {name for name, value in vars(spec).items() if value is not None}
        if stated != fields.keys():
            raise WrongModel(f"the model's spec lacks {', '.join(sorted(stated ^ fields.keys()))}")
        return spec

    def check(self) -> None:
        """Refuses values of a wrong type, out of bounds, or that do not go together.

        Raises:
            WrongModel: the text names the field.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is not None and type(value) is not type(field.default):
                raise WrongModel(f"the model's spec has a {field.name} of the wrong type")
            if "bounds" in field.metadata:
                _check_bounds(field.name, value, type(field.default), *field.metadata["bounds"])

    def _require(self, condition: bool, name: str) -> None:
        """Refuses a field that does not go with the others."""
        if not condition:
            raise WrongModel(f"the model's spec has a {name} that cannot be: {getattr(self, name)}")


def _check_bounds(name: str, value: Any, kind: type, least: float, most: float) -> None:
    """Refuses a number, or an entry of a list of whole numbers, out of bounds."""
    entries = value if kind is tuple else (value,)
    if len(entries) > MOST_ENTRIES or any(type(entry) is not int for entry in entries if kind is tuple):
        raise WrongModel(f"the model's spec has a {name} that is no short list of whole numbers")
    if not all(least <= entry <= most for entry in entries):
        raise WrongModel(f"the model's spec has a {name} of {value}, not within {least} to {most}")


@dataclass(frozen=True)
class DrawingSpec(Spec):
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
        """See `Spec.check`."""
        super().check()
        self._require(GRID << len(self.prior_widths) == self.size, "prior_widths")
        self._require(len(self.fusion_widths) == len(self.prior_widths) - 1, "fusion_widths")
        self._require(len(self.fusion_blocks) == len(self.fusion_widths), "fusion_blocks")
        self._require(self.repetition_window == 0 or self.repetition_window in range(3, GRID, 2), "repetition_window")


@dataclass(frozen=True)
class ModelSpec(Spec):
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
        return self.coarsest_step * 2.0 ** (-fine_quality / self.steps_per_octave)

    def thumbnail_step(self, fine_quality: int) -> float:
        """Quantiser step of the thumbnail's principal components, in units of the image range."""
        return self.detail_step(fine_quality) * self.thumbnail_step_ratio

    def nearest_level(self, fine_quality: int) -> int:
        """The public quality level, from 1, whose fine quality is nearest."""
        distances = [abs(fine_quality - level) for level in self.quality_levels]
        return distances.index(min(distances)) + 1

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
        """See `Spec.check`."""
        super().check()
        self._require(bool(_NAME.fullmatch(self.name)), "name")
        self._require(self.view_size % (4 * GRID) == 0, "view_size")
        self._require(self.detail_components <= self.cell_samples, "detail_components")
        self._require(self.neighbour_components <= self.detail_components, "neighbour_components")
        self._require(0 < len(self.quality_levels) <= 8, "quality_levels")
        self._require(max(self.quality_levels) < self.fine_qualities, "quality_levels")
        self._require(self.drawing is None or isinstance(self.drawing, DrawingSpec), "drawing")


@dataclass(frozen=True)
class Grain2022Spec(Spec):
    """Sizes of a model of the published kind; as they stand here, those of the published one.

    Attributes:
        name: what users call the model (`-m`).
        image_size: side of the face in pixels, a power of two.
        width: channels of the rescaling module's feature maps.
        growth: channels that each convolution of a dense block adds.
        encoder_blocks: residual in residual dense blocks of the encoder, at 16x16.
        decoder_blocks: those of the decoder at 16, 32, ... `image_size`; the last two sizes have light ones.
        generator_channels: channels of the generator's feature maps at 4, 8, ... `image_size`.
        code_channels: length of each of the generator's codes.
        mapping_layers: layers of the generator's mapping network, which takes no part in decoding.
    """

    family: ClassVar[str | None] = "grain-2022"
    quality_levels: ClassVar[tuple[int, ...]] = (0,)
    """There is one quality."""

    name: str = "grain-2022"
    image_size: int = bounded(1024, 4 * GRID, 2048)
    width: int = bounded(64, 2, 256)
    growth: int = bounded(32, 1, 128)
    encoder_blocks: int = bounded(10, 0, 32)
    decoder_blocks: tuple[int, ...] = bounded((3, 3, 3, 2, 1, 1, 1), 0, 8)
    generator_channels: tuple[int, ...] = bounded((512, 512, 512, 512, 512, 256, 128, 64, 32), 1, 1024)
    code_channels: int = bounded(512, 1, 1024)
    mapping_layers: int = bounded(8, 0, 16)

    @property
    def halvings(self) -> int:
        """How often the face is halved to be 16x16."""
        return (self.image_size // GRID).bit_length() - 1

    @property
    def channels(self) -> dict[int, int]:
        """Channels of the generator's feature maps, by their sizes 4, 8, ... `image_size`."""
        return {4 << octave: channels for octave, channels in enumerate(self.generator_channels)}

    def nearest_level(self, fine_quality: int) -> int:
        """The public quality level, which is 1."""
        return 1

    def check(self) -> None:
        """See `Spec.check`."""
        super().check()
        self._require(bool(_NAME.fullmatch(self.name)), "name")
        self._require(self.image_size == GRID << self.halvings, "image_size")
        self._require(len(self.decoder_blocks) == self.halvings + 1, "decoder_blocks")
        self._require(len(self.generator_channels) == self.halvings + 3, "generator_channels")


AnySpec = ModelSpec | Grain2022Spec
_FAMILIES: dict[str | None, type[AnySpec]] = {family.family: family for family in (ModelSpec, Grain2022Spec)}


def read_spec(text: str) -> AnySpec:
    """The spec of any family in its JSON.

    Raises:
        WrongModel: the text is not the JSON of a spec, or one of its sizes is out of bounds.
    """
    family = _read_fields(text).get("family")
    if not isinstance(family, str | None) or family not in _FAMILIES:
        raise WrongModel(f"the model is of the family {family!r}, which is not known here")
    return _FAMILIES[family].from_json(text)


def _read_fields(text: str) -> dict[str, Any]:
    """The JSON object in a text."""
    try:
        fields = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise WrongModel(f"the model's spec cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise WrongModel("the model's spec cannot be read: it is no JSON object")
    return fields
