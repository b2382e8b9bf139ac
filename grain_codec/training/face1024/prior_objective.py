"""The stage of face-1024 for the prior: it learns the pretrained generator's features and codes from decoded views.

The faces are the generator's own, for which the right features and codes are known.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.models.blocks import antialiased_resize
from grain_codec.models.face1024.drawing.prior import MOST_FEATURE_DEVIATIONS
from grain_codec.models.face1024.networks import Face1024
from grain_codec.training.face1024.face_generator import DrawnFaces, FaceGenerator
from grain_codec.training.face1024.window_objective import decoded_views, random_qualities
from grain_codec.training.objectives import Objective, Outcome, freeze_all_but

CODE_WEIGHT = 0.1  # Weight of the codes' squared error against the features' error.
MEASURED_FACES = 150  # Faces whose features say how features are distributed.


class PriorObjective(Objective):
    """The error of predicted features and codes, in standard deviations of the generator's own."""

    restored_elsewhere = ("networks.rescaling", "networks.fusion", "networks.prior.generator")

    def __init__(self, networks: Face1024):
        """Freezes all but the network that reads the view."""
        super().__init__()
        self.networks = networks
        freeze_all_but(networks, [networks.prior.predictor])

    @torch.no_grad()
    def measure_distribution(self, faces: DrawnFaces) -> None:
        """Sets the means and deviations around which features and codes are predicted."""
        prior, features = self.networks.prior, faces.features[:MEASURED_FACES].float()
        prior.feature_mean.copy_(features.mean((0, 2, 3)))
        prior.feature_deviation.copy_(features.std((0, 2, 3)))
        prior.code_mean.copy_(faces.codes.mean(0))
        prior.code_deviation.copy_(faces.codes.std(0))

    def forward(self, views: Tensor, features: Tensor, codes: Tensor) -> Outcome:
        """The loss of a batch of `DrawnFaces`, whose pictures have the view's size."""
        prior = self.networks.prior
        decoded, steps = decoded_views(self.networks, views * 2 - 1, random_qualities(len(views)))
        found, code = prior.predict(decoded, steps)
        deviation = prior.feature_deviation.view(1, -1, 1, 1)
        off = (features.float() - prior.feature_mean.view(1, -1, 1, 1)) / deviation
        wanted = off.clamp(-MOST_FEATURE_DEVIATIONS, MOST_FEATURE_DEVIATIONS)
        of_features = F.smooth_l1_loss((found - prior.feature_mean.view(1, -1, 1, 1)) / deviation, wanted)
        of_code = ((code - codes) / prior.code_deviation).square().mean()
        figures = {"features": of_features.detach(), "codes": of_code.detach()}
        return Outcome(of_features + CODE_WEIGHT * of_code, figures)


def drawn_faces(generator: FaceGenerator, networks: Face1024, count: int, seed: int) -> DrawnFaces:
    """Faces drawn one by one, with pictures of the view's size; features in half precision, 4 MiB each."""
    random = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(count):
        face = generator.draw(networks.prior.generator, 1, random)
        small = antialiased_resize(face.pictures, networks.spec.view_size).clamp(0, 1)
        drawn.append(DrawnFaces(small, face.features.half(), face.codes))
    return DrawnFaces(*(torch.cat(parts) for parts in zip(*drawn)))
