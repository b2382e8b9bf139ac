"""The stages of face-1024 that train on windows of photographs: the fusion, and prior and fusion together.

Nothing finer than the decoded view is global. So a step draws a few windows of 1024 px faces, a sixteenth of the work
each, from feature maps and codes of the whole faces. Every few steps one window holds the face itself, from brow to
chin, for the terms that need it whole: identity, and the perceptual distance at a quarter of the size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.coding.grid import GRID
from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.drawing.windows import Windows
from grain_codec.models.face1024.networks import Face1024
from grain_codec.training.judges.face_chip import CHIP_COLUMNS, CHIP_ROWS
from grain_codec.training.losses.face_loss import FaceLoss
from grain_codec.training.losses.repetition import excess_repetition
from grain_codec.training.losses.spectrum import excess_peaks
from grain_codec.training.losses.windows import WindowAdversary
from grain_codec.training.objectives import Outcome, freeze_all_but
from grain_codec.training.stages import Drawn, Stage, StageObjective

WINDOWS_PER_FACE = 2
WINDOW = 20 / 64  # Side of a window, in sides of the face, with its margin.
MARGIN = 2 / 64  # What the losses do not look at on each side, where the window lacks its surroundings.

WATCHED = ((0.47, 0.38), (0.47, 0.62), (0.70, 0.50), (0.59, 0.50), (0.47, 0.50))
"""Row and column, in sides of the face, of what people look at first in FFHQ's frame: eyes, mouth, nose, bridge."""

WATCHED_SHARE = 0.55  # So many of the windows lie on one of these places, give or take WATCHED_REACH.
WATCHED_REACH = 0.05

FACE_EVERY = 3  # Steps between two whole faces.
LEAST_QUALITY, MOST_QUALITY = 6, 70  # Fine qualities that training draws from: files of 60 to 1,500 bytes.
SHOWN_QUALITY = 24  # Fine quality of the faces on contact sheets.
SHRINKING = 4  # Coarse terms compare pictures at a quarter of the size.

COARSE_WEIGHT, FINE_WEIGHT = 6.0, 0.5  # Weights of the mean absolute error at a quarter of the size, and at full size.
REPETITION_WEIGHT = 150.0  # Weight of marks that repeat from cell to cell.
PEAK_WEIGHT = 0.3  # Weight of regular patterns of any period.
GENERATOR_RATE, FUSION_RATE = 0.4, 1.6  # Learning rates against that of the network that reads the view.


class WindowObjective(StageObjective):
    """A stage on what a decoder has: views that were quantised at random qualities."""

    networks: Face1024
    steps: Tensor

    def __init__(self, networks: Face1024, stage: Stage, loss: FaceLoss, adversary: WindowAdversary | None = None):
        """Freezes what the stage does not train; `networks` has all three modules."""
        super().__init__(networks, stage, loss, adversary)
        freeze_all_but(networks, [networks[name] for name in stage.trains if name != "rescaling"])
        frozen = [f"networks.{name}" for name in networks if name == "rescaling" or name not in stage.trains]
        self.restored_elsewhere = ("loss", *frozen)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def relative_rate(self, name: str) -> float:
        """The pretrained generator changes slowly, and the fusion, which starts at zero, fast."""
        if name.startswith("networks.prior.generator."):
            return GENERATOR_RATE
        return FUSION_RATE if name.startswith("networks.fusion.") else 1.0

    def forward(self, face: Tensor) -> Outcome:
        """The loss of windows of faces `[B, 3, S, S]` in [-1, 1], its terms, and the windows for the discriminator."""
        views, steps = decoded_views(self.networks, face, random_qualities(len(face)))
        features, code = self.networks.prior.predict(views, steps)
        windows = self._random_windows(len(face))
        drawn = _inner(self._draw_windows(views, features, code, windows))
        real = _inner(windows.cut(face))
        terms = self._terms(drawn, real)
        conditions = _conditions(views, windows, face.shape[-1] // views.shape[-1])
        if self.adversary is not None:
            judged = self.adversary.generator_loss(torch.cat([real, conditions], 1), torch.cat([drawn, conditions], 1))
            terms["adversarial"] = (self.loss.settings.adversarial, judged)
        if int(self.steps) % FACE_EVERY == 0:
            terms |= self._whole_face_terms(views[:1], features[:1], code[:1], face[:1])
        self.steps.add_(1)
        loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
        figures = {name: term.detach() for name, (_, term) in terms.items()}
        beside = (torch.cat([each.detach().float(), conditions], 1) for each in (real, drawn))
        return Outcome(loss, figures, *beside)

    def draw(self, face: Tensor) -> Drawn:
        """The stage's picture and the face, both at a quarter of their sizes."""
        return Drawn(_shrunk(face), _shrunk(self._draw_whole(face)))

    def show(self, face: Tensor) -> dict[str, Tensor]:
        """The middle of the face, and of the stage's picture at one quality, at full size."""
        return {"face": _middle(face), self.stage.picture: _middle(self._draw_whole(face))}

    def _draw_whole(self, face: Tensor) -> Tensor:
        views, steps = decoded_views(self.networks, face, torch.full((len(face),), SHOWN_QUALITY))
        shifts = self._random_shifts(len(views))
        return self.networks.draw_natural(views, steps, shifts, self.stage.picture) * 2 - 1

    def _draw_windows(self, views: Tensor, features: Tensor, code: Tensor, windows: Windows) -> Tensor:
        """Windows of `fused`, `[N, 3, P, P]` in about [-1, 1]."""
        picture, maps = self.networks.prior(features, code, self._random_shifts(len(views)), windows)
        drawn: Tensor = self.networks.fusion(views, picture, maps, windows)
        return drawn.float() * 2 - 1

    def _random_shifts(self, count: int) -> Tensor:
        return torch.randint(self.networks.spec.view_size // 2, (count, 2))

    def _terms(self, drawn: Tensor, real: Tensor) -> dict[str, tuple[float, Tensor]]:
        """The terms of all windows with their weights; the perceptual distance sees them at half their size."""
        settings = self.loss.settings
        terms = {
            "coarse": (COARSE_WEIGHT, (_shrunk(drawn) - _shrunk(real)).abs().mean() / 2),
            "fine": (FINE_WEIGHT, (drawn - real).abs().mean() / 2),
            "repetition": (REPETITION_WEIGHT, excess_repetition((drawn + 1) / 2, (real + 1) / 2)),
            "peaks": (PEAK_WEIGHT, excess_peaks((drawn + 1) / 2, (real + 1) / 2)),
        }
        if self.loss.perceptual is not None:
            distance = self.loss.perceptual(F.avg_pool2d(drawn, 2), F.avg_pool2d(real, 2)).mean()
            terms["perceptual"] = (settings.perceptual, distance)
        return terms

    def _whole_face_terms(
        self, views: Tensor, features: Tensor, code: Tensor, face: Tensor
    ) -> dict[str, tuple[float, Tensor]]:
        """The terms of one window with the part of the face that recognisers look at."""
        windows = self._face_window()
        settings = self.loss.settings
        drawn, real = self._draw_windows(views, features, code, windows), windows.cut(face)
        small, wanted = _shrunk(drawn), _shrunk(real)
        terms = {"coarse face": (COARSE_WEIGHT, (small - wanted).abs().mean() / 2)}
        if self.loss.perceptual is not None:
            terms["perceptual face"] = (settings.perceptual, self.loss.perceptual(small, wanted).mean())
        if self.loss.identity is not None:
            whole = [self._put_back(each, face, windows) for each in (drawn, real)]
            terms["identity"] = (settings.identity, self.loss.identity(*whole).mean())
        return terms

    def _random_windows(self, faces: int) -> Windows:
        """WINDOWS_PER_FACE windows of each face; their corners lie on the grid of the averages that must agree."""
        size = self.networks.spec.view_size // 2
        side = round(WINDOW * size)
        corners = []
        for _ in range(faces * WINDOWS_PER_FACE):
            place = torch.rand(2) * (1 - WINDOW)
            if torch.rand(()) < WATCHED_SHARE:
                watched = torch.tensor(WATCHED[int(torch.randint(len(WATCHED), ()))])
                place = watched - WINDOW / 2 + (2 * torch.rand(2) - 1) * WATCHED_REACH
            corner = (place * size / 2).round().long() * 2
            corners.append(corner.clamp(0, size - side).tolist())
        rows, columns = zip(*corners)
        numbers = tuple(index // WINDOWS_PER_FACE for index in range(len(corners)))
        return Windows(numbers, rows, columns, side, size)

    def _face_window(self) -> Windows:
        """The least square, on the grid of the averages, with the chip that recognisers look at."""
        size = self.networks.spec.view_size // 2
        top, left = (2 * int(span[0] * size / 2) for span in (CHIP_ROWS, CHIP_COLUMNS))
        bottom, right = (2 * -int(-span[1] * size // 2) for span in (CHIP_ROWS, CHIP_COLUMNS))
        side = max(bottom - top, right - left)
        return Windows((0,), (min(top, size - side),), (min(left, size - side),), side, size)

    def _put_back(self, window: Tensor, face: Tensor, windows: Windows) -> Tensor:
        """The face with one window in its place."""
        scale = face.shape[-1] // windows.map_size
        row, column, side = (each * scale for each in (windows.rows[0], windows.columns[0], windows.side))
        whole = face.clone()
        whole[:, :, row : row + side, column : column + side] = window
        return whole


@torch.no_grad()
def decoded_views(networks: Face1024, face: Tensor, qualities: Tensor) -> tuple[Tensor, Tensor]:
    """The views `[B, 3, V, V]` and steps `[B]` that a decoder has of faces `[B, 3, S, S]` at fine qualities `[B]`."""
    spec = networks.spec
    step = spec.coarsest_step * 2.0 ** (-qualities.to(face.device) / spec.steps_per_octave)
    view = antialiased_resize((face.float() + 1) / 2, spec.view_size).clamp(0, 1)
    found = networks.rescaling.analyse(antialiased_resize(view, GRID).clamp(0, 1), view, step)
    return found.view.float().clamp(0, 1), step


def random_qualities(count: int) -> Tensor:
    """Random fine qualities `[count]`, all equally likely."""
    return torch.randint(LEAST_QUALITY, MOST_QUALITY, (count,))


def _conditions(views: Tensor, windows: Windows, enlargement: int) -> Tensor:
    """What the discriminator sees beside the inner parts of windows: `[N, CONDITION_CHANNELS, P, P]` in [-1, 1]."""
    view = windows.cut(views)
    enlarged = F.interpolate(view, scale_factor=float(enlargement), mode="bilinear", align_corners=False) * 2 - 1
    axis = torch.linspace(-1, 1, enlarged.shape[-1], device=views.device) * windows.side / windows.map_size
    middles = [
        (2 * torch.tensor(corner, device=views.device) + windows.side) / windows.map_size - 1
        for corner in (windows.rows, windows.columns)
    ]
    rows = (middles[0][:, None, None] + axis[:, None]).expand(-1, -1, len(axis))
    columns = (middles[1][:, None, None] + axis).expand(-1, len(axis), -1)
    return _inner(torch.cat([enlarged, rows[:, None], columns[:, None]], 1))


def _inner(windows: Tensor) -> Tensor:
    """Windows `[N, C, P, P]` without their margins."""
    margin = round(windows.shape[-1] * MARGIN / WINDOW)
    return windows[:, :, margin:-margin, margin:-margin]


def _shrunk(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(pictures, SHRINKING)


def _middle(pictures: Tensor) -> Tensor:
    """The middle half of pictures `[B, 3, S, S]`, where the face is."""
    start = pictures.shape[-1] * 5 // 16
    side = pictures.shape[-1] // 2
    return pictures[:, :, start : start + side, side // 2 : side // 2 + side]
