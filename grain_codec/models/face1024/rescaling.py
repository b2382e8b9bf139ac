"""The invertible extreme rescaling module of face-1024: a face to whole symbols, and symbols to the decoded view.

The module turns a face into two sets of whole levels. Those of the thumbnail are quantised principal components of the
face at 16x16 pixels. Those of the details are, for each of the 256 cells, quantised coefficients of the difference
between the cell and a prediction of it, in a basis of the cell's own: faces are aligned, so the cell that holds the
left eye has a basis for left eyes. The module decodes the cells in three interleaved passes, and predicts those of each
pass from the thumbnail and from the cells that the earlier passes have decoded.

Only whole levels steer the entropy coder; predictions only change pixels. So two machines whose arithmetic differs in
the last bit read the same symbols from a file.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import (
    ResidualNetwork,
    antialiased_resize,
    cells_to_image,
    cells_to_map,
    image_to_cells,
    map_to_cells,
    per_cell,
    round_with_dead_zone,
)
from grain_codec.models.face1024.spec import Face1024Spec

BASIS_SCALE = 1 << 14  # The thumbnail's mean and basis are stored as whole multiples of 1 / BASIS_SCALE.

DETAIL_ROUNDING = 0.36
THUMBNAIL_ROUNDING = 0.42


def decoding_passes() -> list[Tensor]:
    """Indices of the cells of each pass: even rows and columns, then odd ones, then all between."""
    # On the CPU even where a network is built for its shapes alone, on torch's "meta" device.
    index = torch.arange(GRID, device="cpu")
    row, column = torch.meshgrid(index, index, indexing="ij")
    even = (row % 2 == 0) & (column % 2 == 0)
    odd = (row % 2 == 1) & (column % 2 == 1)
    return [group.flatten().nonzero().flatten() for group in (even, odd, ~(even | odd))]


@dataclass
class Analysis:
    """The result of encoding: values before and after rounding, and the view that a decoder makes of them."""

    thumbnail_levels: Tensor  # `[B, T]` whole numbers as floats.
    detail_values: Tensor  # `[B, 256, C]` coefficients over their step, not rounded.
    detail_levels: Tensor  # `[B, 256, C]` whole numbers as floats, with the gradient of the values.
    view: Tensor  # `[B, 3, V, V]` the decoded view, in [0, 1] but for overshoot.


class Rescaling(nn.Module):
    """The invertible extreme rescaling module; the file's docstring describes it."""

    thumbnail_mean: Tensor
    thumbnail_basis: Tensor
    pass0: Tensor
    pass1: Tensor
    pass2: Tensor

    def __init__(self, spec: Face1024Spec):
        super().__init__()
        self.spec = spec
        cells, samples, details = GRID * GRID, spec.cell_samples, spec.detail_components
        neighbours = 8 * spec.neighbour_components
        self.register_buffer("thumbnail_mean", torch.zeros(3 * cells, dtype=torch.int32))
        self.register_buffer("thumbnail_basis", torch.zeros(spec.thumbnail_components, 3 * cells, dtype=torch.int16))
        self.thumbnail_prediction = nn.Parameter(torch.zeros(cells, 28, samples))
        self.neighbour_prediction = nn.Parameter(torch.zeros(cells, neighbours, details))
        self.analysis_basis = nn.Parameter(torch.zeros(cells, samples, details))
        self.synthesis_basis = nn.Parameter(torch.zeros(cells, details, samples))
        self.position = nn.Parameter(torch.zeros(spec.position_channels, GRID, GRID))
        self.predictor = ResidualNetwork(
            2 * samples + 2 + spec.position_channels, spec.predictor_width, spec.predictor_blocks, samples
        )
        self.enhancement = ResidualNetwork(
            3 * 16 + 1 + spec.position_channels, spec.enhancement_width, spec.enhancement_blocks, 3 * 16
        )
        for index, group in enumerate(decoding_passes()):
            self.register_buffer(f"pass{index}", group, persistent=False)

    def thumbnail_to_levels(self, thumbnail: Tensor, step: Tensor) -> Tensor:
        """`[B, 3, 16, 16]` in [0, 1] and steps `[B]` -> whole levels `[B, T]`."""
        components = self.thumbnail_components(thumbnail)
        return round_with_dead_zone(components / step[:, None], THUMBNAIL_ROUNDING).detach()

    def thumbnail_components(self, thumbnail: Tensor) -> Tensor:
        """Principal components `[B, T]` of thumbnails `[B, 3, 16, 16]` in [0, 1]."""
        centred = thumbnail.flatten(1) - self.thumbnail_mean.float() / BASIS_SCALE
        with torch.autocast(thumbnail.device.type, enabled=False):
            return centred.float() @ self.thumbnail_basis.float().T / BASIS_SCALE

    def levels_to_thumbnail(self, levels: Tensor, step: Tensor) -> Tensor:
        """Whole levels `[B, T]` and steps `[B]` -> the transmitted thumbnail `[B, 3, 16, 16]`."""
        with torch.autocast(levels.device.type, enabled=False):
            centred = (levels * step[:, None]) @ self.thumbnail_basis.float() / BASIS_SCALE
        thumbnail = centred + self.thumbnail_mean.float() / BASIS_SCALE
        return thumbnail.reshape(-1, 3, GRID, GRID)

    def analyse(self, thumbnail: Tensor, view: Tensor, step: Tensor) -> Analysis:
        """Encodes thumbnails `[B, 3, 16, 16]` and views `[B, 3, V, V]`, antialiased and in [0, 1], with steps `[B]`.

        It decodes them on the way, because the prediction of a cell needs its decoded neighbours.
        """
        thumbnail_levels = self.thumbnail_to_levels(thumbnail, step * self.spec.thumbnail_step_ratio)
        values = view.new_zeros(view.shape[0], GRID * GRID, self.spec.detail_components)
        levels = torch.zeros_like(values)

        def quantise(group: Tensor, left_over: Tensor) -> Tensor:
            """Rounds what the prediction of one pass leaves over."""
            nonlocal values, levels
            chosen = round_with_dead_zone(left_over, DETAIL_ROUNDING)
            values = values.index_copy(1, group, left_over)
            levels = levels.index_copy(1, group, chosen)
            return chosen

        decoded = self.decode_choosing(thumbnail_levels, view, step, quantise)
        return Analysis(thumbnail_levels, values, levels, decoded)

    def decode_choosing(
        self, thumbnail_levels: Tensor, view: Tensor, step: Tensor, choose: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Decodes thumbnail levels `[B, T]`, and detail levels that `choose` gives on the way, pass by pass.

        `choose` gets the indices of a pass's cells `[P]` and what their prediction leaves over of `view`
        `[B, 3, V, V]`, as coefficients over their step `[B, P, C]`. It returns the levels `[B, P, C]`. The result is
        the decoded view `[B, 3, V, V]`, in [0, 1] but for overshoot.
        """
        cells = image_to_cells(view)

        def levels_of(group: Tensor, pixels: Tensor, coefficients: Tensor) -> Tensor:
            left_over = per_cell(cells[:, group] - pixels, self.analysis_basis[group]) - coefficients
            return choose(group, left_over / step[:, None, None])

        low = self.levels_to_thumbnail(thumbnail_levels, step * self.spec.thumbnail_step_ratio)
        return self._decode_view(low, step, levels_of)

    def synthesise(self, thumbnail_levels: Tensor, detail_levels: Tensor, step: Tensor) -> Tensor:
        """Decodes whole levels `[B, T]` and `[B, 256, C]` to the view `[B, 3, V, V]`, in [0, 1] but for overshoot."""
        low = self.levels_to_thumbnail(thumbnail_levels, step * self.spec.thumbnail_step_ratio)
        return self._decode_view(low, step, lambda group, pixels, coefficients: detail_levels[:, group])

    def level_energies(self) -> tuple[Tensor, Tensor]:
        """Squares summed over the samples of the view that a level of one step adds where the step is 1.

        Returns those of thumbnail levels `[T]` and of detail levels `[256, C]`, as far as linear maps carry them.
        """
        basis = self.thumbnail_basis.float().reshape(-1, 3, GRID, GRID) / BASIS_SCALE
        around = F.unfold(F.pad(basis, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)
        maps = self.thumbnail_prediction[:, :-1].float()
        # The sum of squares of x M is x (M M') x', and the products M M' are much smaller than what M draws.
        energies = (per_cell(around, maps @ maps.transpose(1, 2)) * around).sum((1, 2))
        return energies * self.spec.thumbnail_step_ratio**2, self.synthesis_basis.float().square().sum(2)

    def forward(self, view: Tensor) -> Tensor:
        """`rescaled`: the decoded view `[B, 3, V, V]` at full size `[B, 3, S, S]`, clamped to [0, 1].

        At these rates no byte describes anything finer than the view, so the interpolated view is the full-size
        picture of the least mean squared error.
        """
        size = self.spec.image_size
        full = F.interpolate(view, (size, size), mode="bicubic", align_corners=False)
        return full.clamp(0, 1)

    def views(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, S, S]` in [0, 1] -> the antialiased thumbnail and view that are encoded."""
        return antialiased_resize(image, GRID).clamp(0, 1), antialiased_resize(image, self.spec.view_size).clamp(0, 1)

    def _decode_view(self, low: Tensor, step: Tensor, levels_of: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
        """Runs the passes on thumbnails `[B, 3, 16, 16]` and enhances the result.

        `levels_of` gives the levels of a pass, given its cells, their predicted pixels and their predicted
        coefficients.
        """
        base = self._predict_from_thumbnail(low)
        known = torch.zeros_like(base)
        mask = base.new_zeros(base.shape[0], GRID * GRID, 1)
        quality = (step.log2() / 2).view(-1, 1, 1, 1).expand(-1, 1, GRID, GRID)
        position = self.position.expand(base.shape[0], -1, -1, -1)
        for group in (self.pass0, self.pass1, self.pass2):
            seen = torch.cat([cells_to_map(torch.cat([base - 0.5, known, mask], 2)), quality, position], 1)
            correction = map_to_cells(self.predictor(seen))[:, group]
            pixels = base[:, group] + correction
            coefficients = self._predict_from_neighbours(known, group)
            levels = levels_of(group, pixels, coefficients)
            residual = per_cell(coefficients + levels * step[:, None, None], self.synthesis_basis[group])
            known = known.index_copy(1, group, (correction + residual).to(known.dtype))
            mask = mask.index_fill(1, group, 1.0)
        return self._enhance(cells_to_image(base + known), quality, position)

    def _predict_from_thumbnail(self, low: Tensor) -> Tensor:
        """Each cell's pixels from the 3x3 thumbnail pixels around it, by that cell's own linear map."""
        around = F.unfold(F.pad(low, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)
        with_bias = F.pad(around, (0, 1), value=1.0)
        return per_cell(with_bias, self.thumbnail_prediction)

    def _predict_from_neighbours(self, known: Tensor, group: Tensor) -> Tensor:
        """A pass's coefficients from those of the eight cells around each; cells not yet decoded are zero."""
        count = self.spec.neighbour_components
        leading = per_cell(known, self.analysis_basis[:, :, :count])
        around = F.unfold(cells_to_map(leading), 3, padding=1).reshape(known.shape[0], count, 9, -1)
        ring = torch.cat([around[:, :, :4], around[:, :, 5:]], 2).flatten(1, 2).transpose(1, 2)
        return per_cell(ring[:, group], self.neighbour_prediction[group])

    def _enhance(self, view: Tensor, quality: Tensor, position: Tensor) -> Tensor:
        """Removes artefacts of quantising cell by cell, such as block edges."""
        folded = F.pixel_unshuffle(view, 4)
        scale = folded.shape[-1] // GRID
        known = torch.cat([quality, position], 1).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        correction: Tensor = self.enhancement(torch.cat([folded - 0.5, known], 1))
        return view + F.pixel_shuffle(correction, 4)
