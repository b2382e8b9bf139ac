"""The prior's stage: features and codes of drawn faces are learnt, by the network that reads the view alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grain_codec.models.face1024.networks import Face1024
from grain_codec.training.face1024.face_generator import DrawnFaces, FaceGenerator
from grain_codec.training.face1024.prior_objective import PriorObjective, drawn_faces


@pytest.fixture
def drawn(networks: Face1024, generator_file: Path) -> DrawnFaces:
    generator = FaceGenerator(generator_file, 2)
    generator.load_upper_half(networks.prior.generator)
    return drawn_faces(generator, networks, 4, seed=0)


def test_faces_have_the_views_size(drawn: DrawnFaces):
    assert drawn.pictures.shape == (4, 3, 64, 64) and drawn.features.dtype == torch.float16


def test_the_distribution_of_features_and_codes_is_measured(networks: Face1024, drawn: DrawnFaces):
    PriorObjective(networks).measure_distribution(drawn)
    torch.testing.assert_close(networks.prior.code_mean, drawn.codes.mean(0))
    off = (drawn.features.float() - networks.prior.feature_mean.view(1, -1, 1, 1)).mean((0, 2, 3))
    assert off.abs().max() < 1e-2


def test_the_loss_falls_and_only_the_predictor_changes(networks: Face1024, drawn: DrawnFaces):
    objective = PriorObjective(networks)
    objective.measure_distribution(drawn)
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    trained = objective.generator_parameters()
    optimizer = torch.optim.Adam(trained.values(), 1e-2)
    losses = []
    for _ in range(25):
        outcome = objective(*drawn)
        optimizer.zero_grad()
        outcome.loss.backward()
        optimizer.step()
        losses.append(outcome.loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    changed = {name for name, value in networks.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("prior.predictor.") for name in changed)
