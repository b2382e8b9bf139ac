"""Initial weights of the rescaling module without gradients: principal components and least squares, cell by cell.

A linear codec of aligned faces is already good, so the gradient training starts from its weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import antialiased_resize, cells_to_map, image_to_cells, per_cell
from grain_codec.models.face1024.rescaling import BASIS_SCALE, DETAIL_ROUNDING, Rescaling, decoding_passes

RIDGE = 2e-3  # Weight of the regulariser, relative to the mean variance of the regressors.


@torch.no_grad()
def fit_closed_form(rescaling: Rescaling, views: Tensor, seed: int = 0) -> None:
    """Sets every linear part of the rescaling module; its networks, which correct them, still give zero.

    Args:
        rescaling: a fresh module.
        views: uint8 `[N, 3, V, V]`; each is used as it is and mirrored.
        seed: decides the qualities at which the faces are quantised.
    """
    spec = rescaling.spec
    generator = torch.Generator().manual_seed(seed)
    qualities = torch.randint(0, spec.fine_qualities, (2 * len(views),), generator=generator)
    step = spec.coarsest_step * 2.0 ** (-qualities / spec.steps_per_octave)
    thumbnails, cells = _views_in_batches(views)
    _fit_thumbnail_components(rescaling, thumbnails)
    thumbnail_step = step * spec.thumbnail_step_ratio
    low = rescaling.levels_to_thumbnail(rescaling.thumbnail_to_levels(thumbnails, thumbnail_step), thumbnail_step)
    residual = _fit_thumbnail_prediction(rescaling, low, cells)
    _fit_cells(rescaling, residual, step)


def _views_in_batches(views: Tensor) -> tuple[Tensor, Tensor]:
    """Thumbnails `[2N, 3, 16, 16]` and cells `[2N, 256, C]` in [0, 1] of the faces and their mirror images."""
    thumbnails, cells = [], []
    for mirrored in (False, True):
        for batch in views.split(256):
            image = batch.float() / 255
            image = image.flip(-1) if mirrored else image
            thumbnails.append(antialiased_resize(image, GRID).clamp(0, 1))
            cells.append(image_to_cells(image))
    return torch.cat(thumbnails), torch.cat(cells)


def _fit_thumbnail_components(rescaling: Rescaling, thumbnails: Tensor) -> None:
    """The thumbnail's mean and leading principal components, rounded to the integers that ship."""
    flat = thumbnails.flatten(1).double()
    mean = flat.mean(0)
    _, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean))
    leading = vectors.flip(1)[:, : rescaling.spec.thumbnail_components].T
    rescaling.thumbnail_mean.copy_((mean * BASIS_SCALE).round().int())
    rescaling.thumbnail_basis.copy_((leading * BASIS_SCALE).round().short())


def _fit_thumbnail_prediction(rescaling: Rescaling, low: Tensor, cells: Tensor) -> Tensor:
    """Fits each cell's linear map from the thumbnail around it; returns the residual `[N, 256, C]`."""
    around = F.unfold(F.pad(low, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)
    with_bias = F.pad(around, (0, 1), value=1.0)
    for cell in range(cells.shape[1]):
        rescaling.thumbnail_prediction.data[cell] = _least_squares(with_bias[:, cell], cells[:, cell])
    return cells - per_cell(with_bias, rescaling.thumbnail_prediction)


def _fit_cells(rescaling: Rescaling, residual: Tensor, step: Tensor) -> None:
    """Fits bases and predictions from neighbours, pass by pass, on neighbours that are quantised as in a file."""
    spec = rescaling.spec
    details, leading = spec.detail_components, spec.neighbour_components
    decoded = residual.new_zeros(residual.shape[0], GRID * GRID, leading)
    for group in decoding_passes():
        around = F.unfold(cells_to_map(decoded), 3, padding=1).reshape(len(decoded), leading, 9, -1)
        ring = torch.cat([around[:, :, :4], around[:, :, 5:]], 2).flatten(1, 2).transpose(1, 2)
        for cell in group.tolist():
            left_over = residual[:, cell]
            basis = _principal_components(left_over, details)
            prediction = _least_squares(ring[:, cell], left_over @ basis)
            unexplained = left_over @ basis - ring[:, cell] @ prediction
            rotation = _principal_components(unexplained, details)
            basis, prediction = basis @ rotation, prediction @ rotation
            rescaling.analysis_basis.data[cell] = basis
            rescaling.synthesis_basis.data[cell] = basis.T
            rescaling.neighbour_prediction.data[cell] = prediction
            predicted = ring[:, cell] @ prediction
            in_steps = (left_over @ basis - predicted) / step[:, None]
            levels = torch.sign(in_steps) * torch.floor(in_steps.abs() + DETAIL_ROUNDING)
            decoded[:, cell] = (predicted + levels * step[:, None])[:, :leading]


def _least_squares(regressors: Tensor, targets: Tensor) -> Tensor:
    """Ridge regression `[N, K]`, `[N, M]` -> `[K, M]`."""
    moments = regressors.T @ regressors
    strength = RIDGE * moments.diagonal().mean().clamp(min=1e-6)
    solution: Tensor = torch.linalg.solve(moments + strength * torch.eye(len(moments)), regressors.T @ targets)
    return solution


def _principal_components(rows: Tensor, count: int) -> Tensor:
    """Leading eigenvectors of the second moments of `[N, K]`, as columns `[K, count]`."""
    vectors: Tensor = torch.linalg.eigh((rows.T @ rows).double()).eigenvectors
    return vectors.flip(1)[:, :count].float()
