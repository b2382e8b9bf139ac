"""The first stage of face-1024, which trains the rescaling module on views that are held in memory."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from grain_codec.coding.grid import GRID
from grain_codec.formats.images.face_sets import read_face_set
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.rescaling import Rescaling, ideal_laplace_bits
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.data import batches
from grain_codec.training.face1024.closed_form import fit_closed_form
from grain_codec.training.objectives import Objective, Outcome
from grain_codec.training.runs.stage_run import SHOWN_FACES, StageRun, Tell
from grain_codec.training.settings import Recipe, RunSettings
from grain_codec.training.trainer import Trainer
from grain_codec.weights import find_model, load_networks, read_model

BIT_PRICE = 0.08
"""Squared error, in squared quantiser steps, that a bit must save: the slope of the closed-form codec's rate and
distortion curve."""

VALIDATION_QUALITIES = (8, 24, 36)  # Fine qualities at which the validation faces are measured and shown.

BATCH_SIZE = 16


class RescalingObjective(Objective):
    """Rate and distortion of the rescaling module of face-1024 at random qualities.

    The bits of the details are estimated with a Laplace density for each cell and coefficient, whose scale may
    follow the quantiser step. The entropy coder's tables, which are fitted afterwards, need fewer bits.
    """

    def __init__(self, rescaling: Rescaling, cell_rate: float = 0.05):
        """`cell_rate` is the learning rate of matrices that belong to one cell, as a multiple of the recipe's."""
        super().__init__()
        self.rescaling = rescaling
        self.cell_rate = cell_rate
        shape = (GRID * GRID, rescaling.spec.detail_components)
        self.log_scale = nn.Parameter(torch.full(shape, -3.0))
        self.log_scale_slope = nn.Parameter(torch.zeros(shape))

    def relative_rate(self, name: str) -> float:
        """Matrices of a single cell learn at `cell_rate`."""
        return self.cell_rate if name.endswith(("_prediction", "_basis")) else 1.0

    @torch.no_grad()
    def start_scales(self, views: Tensor) -> None:
        """Sets the densities to the magnitudes found on some views, float `[N, 3, V, V]` in [0, 1]."""
        step = self.random_steps(len(views), torch.Generator().manual_seed(0)).to(views.device)
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        magnitude = (found.detail_values.abs() * step[:, None, None]).mean(0)
        self.log_scale.copy_(magnitude.clamp(min=1e-3).log())

    def random_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Quantiser steps `[count]` of random fine qualities, all equally likely."""
        spec = self.rescaling.spec
        qualities = torch.randint(0, spec.fine_qualities, (count,), generator=generator)
        return spec.coarsest_step * 2.0 ** (-qualities / spec.steps_per_octave)

    def forward(self, views: Tensor, step: Tensor) -> Outcome:
        """The loss of a batch.

        Args:
            views: `[B, 3, V, V]` in [0, 1].
            step: `[B]`.

        Returns:
            The loss is the squared error over the squared step, plus the price of the bits, per cell. The figures
            are means over the batch: `psnr` of the view in dB, and `bits` of the details.
        """
        found = self.rescaling.analyse(antialiased_resize(views, GRID).clamp(0, 1), views, step)
        error = (found.view - views).square().flatten(1)
        log_step = step.log()[:, None, None]
        log_scale = self.log_scale + self.log_scale_slope * log_step - log_step
        bits = ideal_laplace_bits(found.detail_values, log_scale).flatten(1).sum(1)
        loss = (error.sum(1) / step.square() + BIT_PRICE * bits).mean() / (GRID * GRID)
        psnr = -10 * error.mean(1).log10().mean()
        return Outcome(loss, {"psnr": psnr.detach(), "bits": bits.mean().detach()})


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
            objective.rescaling.load_state_dict(shipped.state_dict())
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
