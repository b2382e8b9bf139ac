"""The first stage of face-1024, which trains the rescaling module on views that are held in memory."""

import math
from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.blocks import antialiased_resize, cells_to_map, map_to_cells
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.rescaling import DETAIL_ROUNDING, Rescaling
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.data import batches
from grain_codec.training.face1024.closed_form import fit_closed_form
from grain_codec.training.growing import grow_from
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.runs.stage_run import SHOWN_FACES, StageRun, Tell
from grain_codec.training.settings import Recipe, RunSettings
from grain_codec.training.trainer import Trainer
from grain_codec.weights import find_model, load_networks, read_model

BIT_PRICE = 0.08
"""Squared error, in squared quantiser steps, that a bit must save: the slope of the closed-form codec's rate and
distortion curve."""

TRAINED_QUALITIES = 48  # Training draws fine qualities below this one; finer ones make files of over about 600 bytes.
DECAY = 7 / 8  # Weight of a cell's coefficient, relative to that of the next one, in the context of later ones.
EVIDENCE = 0.25  # Levels that are added to found and expected magnitudes, so that little evidence says little.

VALIDATION_QUALITIES = (8, 24, 36)  # Fine qualities at which the validation faces are measured and shown.

BATCH_SIZE = 16


class RescalingObjective(Objective):
    """Rate and distortion of the rescaling module of face-1024 at random qualities.

    The rate is the code length of the whole levels under a density that follows the shipped coder: a mean magnitude
    for each cell and coefficient, times what the cell and its neighbours have shown in their earlier coefficients.
    """

    earlier: Tensor

    def __init__(self, rescaling: Rescaling, cell_rate: float = 0.05):
        """`cell_rate` is the learning rate of matrices that belong to one cell, over that of convolutions."""
        super().__init__()
        self.rescaling = rescaling
        self.cell_rate = cell_rate
        details = rescaling.spec.detail_components
        self.log_magnitude = nn.Parameter(torch.full((GRID * GRID, details), -3.0))
        self.log_magnitude_slope = nn.Parameter(torch.full((GRID * GRID, details), -1.0))
        self.inside_weight = nn.Parameter(torch.full((details,), 0.5))
        self.around_weight = nn.Parameter(torch.full((details,), 0.5))
        self.tail = nn.Parameter(torch.full((details,), -3.0))
        order = torch.arange(details)
        decay = DECAY ** (order[None] - 1 - order[:, None]).clamp(min=0)
        self.register_buffer("earlier", torch.where(order[:, None] < order[None], decay, 0.0), persistent=False)

    def relative_rate(self, name: str) -> float:
        """Matrices of a single cell learn at `cell_rate`."""
        return self.cell_rate if name.endswith(("_prediction", "_basis")) else 1.0

    @torch.no_grad()
    def start_scales(self, views: Tensor) -> None:
        """Sets the densities to the magnitudes found on some views, float `[N, 3, V, V]` in [0, 1]."""
        spec = self.rescaling.spec
        coarse, fine = (spec.detail_step(quality) for quality in (TRAINED_QUALITIES // 4, 3 * TRAINED_QUALITIES // 4))
        logs = []
        for step in (coarse, fine):
            steps = views.new_full((len(views),), step)
            found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, steps)
            logs.append((found.detail_levels.abs().mean(0) + 0.5 / len(views)).log())
        slope = (logs[0] - logs[1]) / math.log(coarse / fine)
        self.log_magnitude_slope.copy_(slope)
        self.log_magnitude.copy_(logs[0] - slope * math.log(coarse))

    def random_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Quantiser steps `[count]` of random fine qualities below TRAINED_QUALITIES, all equally likely."""
        spec = self.rescaling.spec
        qualities = torch.randint(0, min(TRAINED_QUALITIES, spec.fine_qualities), (count,), generator=generator)
        return spec.coarsest_step * 2.0 ** (-qualities / spec.steps_per_octave)

    def forward(self, views: Tensor, step: Tensor) -> Outcome:
        """The loss of a batch and its parts.

        Args:
            views: `[B, 3, V, V]` in [0, 1].
            step: `[B]`.

        Returns:
            Squared error plus priced bits, over the squared step, per cell; and the figures
            `psnr` (dB, of the view) and `bits` (of the details), means over the batch.
        """
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        error = (found.view - views).square().flatten(1)
        magnitude = self._expected_magnitudes(found.detail_levels.detach().abs(), step)
        bits = level_bits(found.detail_values, found.detail_levels, magnitude, self.tail).flatten(1).sum(1)
        loss = (error.sum(1) / step.square() + BIT_PRICE * bits).mean() / (GRID * GRID)
        psnr = -10 * error.mean(1).log10().mean()
        return Outcome(loss, {"psnr": psnr.detach(), "bits": bits.mean().detach()})

    def _expected_magnitudes(self, found: Tensor, step: Tensor) -> Tensor:
        """The magnitudes that the coder expects before it reads each level, from those found, `[B, 256, C]`."""
        base = (self.log_magnitude + self.log_magnitude_slope * step.log()[:, None, None]).clamp(-7, 5)
        expected = base.detach().exp()
        inside, inside_expected = found @ self.earlier, expected @ self.earlier
        around, around_expected = _sum_around(inside), _sum_around(inside_expected)
        context = self.inside_weight * ((inside + EVIDENCE) / (inside_expected + EVIDENCE)).log()
        context = context + self.around_weight * ((around + EVIDENCE) / (around_expected + EVIDENCE)).log()
        return (base + context).clamp(-7, 5).exp()


def _sum_around(values: Tensor) -> Tensor:
    """Sums over the eight neighbours of each cell, `[B, 256, C]`."""
    maps = cells_to_map(values)
    return map_to_cells(9 * F.avg_pool2d(maps, 3, 1, 1) - maps)


def level_bits(values: Tensor, levels: Tensor, magnitude: Tensor, tail: Tensor) -> Tensor:
    """Code length of whole levels, with a gradient for the values that they were rounded from.

    The density is geometric on both sides of zero, and the chance of zero follows from the mean magnitude. The bits
    are those of the levels. Their gradient is that of the expected bits if the values, less what the dead zone takes,
    were rounded after uniform noise was added, so that a value near a level of another cost feels that cost.

    Args:
        values: coefficients over their step, `[B, 256, C]`.
        levels: what they were rounded to.
        magnitude: expected magnitude of each level.
        tail: `[C]`, how much heavier than a geometric one the density's tail is, before a sigmoid.

    Returns:
        Bits, `[B, 256, C]`.
    """
    decay = magnitude / (1 + torch.sqrt(1 + magnitude.square()))
    nothing = -torch.log2((1 - decay) / (1 + decay))
    slower = decay + (1 - decay) * torch.sigmoid(tail)
    one = -torch.log2(decay / (1 + decay) * (1 - slower))
    more = -torch.log2(slower)
    count = levels.detach().abs()
    bits = torch.where(count > 0.5, one + (count - 1) * more, nothing)
    reached = (values.abs() - (0.5 - DETAIL_ROUNDING)).clamp(min=0)
    relaxed = reached.clamp(max=1) * (one - nothing).detach() + (reached - 1).clamp(min=0) * more.detach()
    return bits + relaxed - relaxed.detach()


class RescalingStage(StageRun[RescalingObjective, Tensor]):
    """Minimises bits and squared error, from the closed-form solution, a model's weights or a checkpoint.

    Faces are views, uint8 `[N, 3, V, V]`.
    """

    writes_modules = False

    def __init__(self, spec: Face1024Spec, settings: RunSettings):
        super().__init__("rescaling", settings, Recipe(learning_rate=3e-3, checkpoint_every=500))
        self.spec = spec

    def read_faces(self) -> tuple[Tensor, Tensor]:
        """See `StageRun.read_faces`."""
        sources = (self.settings.data, self.settings.validation)
        data, validation = (torch.from_numpy(read_face_set(list(each), self.spec.view_size)) for each in sources)
        return data, validation

    def build_objective(self, faces: Tensor, resumes: bool, tell: Tell) -> RescalingObjective:
        """See `StageRun.build_objective`."""
        objective = RescalingObjective(Face1024(self.spec).rescaling, self.settings.cell_rate)
        if resumes:
            return objective
        if self.settings.start is None:
            tell("fitting the closed-form start")
            fit_closed_form(objective.rescaling, faces)
        else:
            shipped = load_networks(read_model(find_model(self.settings.start)))["rescaling"]
            grow_from(objective.rescaling, shipped.state_dict())
        objective.start_scales(faces[:: max(1, len(faces) // 512)].float() / 255)
        return objective

    def batches(self, faces: Tensor, trainer: Trainer[RescalingObjective]) -> Iterator[tuple[Tensor, ...]]:
        """Batches of augmented views with a random quantiser step each."""
        generator = torch.Generator().manual_seed(self.settings.seed + 1000 * trainer.rank + trainer.step)
        for batch in batches(faces.to(trainer.device), self.settings.batch_size or BATCH_SIZE, generator):
            yield batch, trainer.objective.random_steps(len(batch), generator)

    @torch.no_grad()
    def measure(self, objective: RescalingObjective, faces: Tensor, device: torch.device) -> dict[str, float]:
        """Loss, PSNR of the view and bytes of the details, at each of VALIDATION_QUALITIES."""
        views = faces.to(device).float() / 255
        found = {}
        for quality in VALIDATION_QUALITIES:
            outcome = objective(views, self._steps(views, quality))
            found[f"quality {quality} loss"] = float(outcome.loss)
            found[f"quality {quality} psnr"] = float(outcome.figures["psnr"])
            found[f"quality {quality} bytes"] = float(outcome.figures["bits"]) / 8
        return found

    @torch.no_grad()
    def pictures(self, objective: RescalingObjective, faces: Tensor, device: torch.device) -> Mapping[str, Tensor]:
        """See `StageRun.pictures`: faces, thumbnails, and the views at each of VALIDATION_QUALITIES."""
        views = faces[:SHOWN_FACES].to(device).float() / 255
        thumbnails = antialiased_resize(views, GRID).clamp(0, 1)
        columns = {"face": views, "thumbnail": thumbnails}
        for quality in VALIDATION_QUALITIES:
            found = objective.rescaling.analyse(thumbnails, views, self._steps(views, quality))
            columns[f"fine quality {quality}"] = found.view
        return {caption: pictures * 2 - 1 for caption, pictures in columns.items()}

    def _steps(self, views: Tensor, quality: int) -> Tensor:
        """The quantiser step of a fine quality, once for each view."""
        return torch.full((len(views),), self.spec.detail_step(quality), device=views.device)
