"""The pretrained generator: drawn faces, and an upper half that draws the same from the same features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.drawing.generator import Generator
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.face1024.face_generator import FaceGenerator


@pytest.fixture
def upper(small_spec: Face1024Spec) -> Generator:
    assert small_spec.drawing is not None
    return Generator(small_spec.drawing.generator_widths, small_spec.drawing.code_width, 32)


def test_faces_are_drawn_with_the_features_that_they_came_from(generator_file: Path, upper: Generator):
    generator = FaceGenerator(generator_file, 2)
    generator.load_upper_half(upper)
    faces = generator.draw(upper, 2, torch.Generator().manual_seed(1))
    assert faces.pictures.shape == (2, 3, 256, 256) and faces.features.shape == (2, 16, 32, 32)
    with torch.no_grad():
        again, _ = upper(faces.features, faces.codes, torch.zeros(2, 2, dtype=torch.int64))
    torch.testing.assert_close(again.clamp(0, 1), faces.pictures)
    assert not torch.allclose(faces.pictures[0], faces.pictures[1], atol=0.01)
    same = generator.draw(upper, 2, torch.Generator().manual_seed(1))
    assert torch.equal(same.pictures, faces.pictures)


def test_the_upper_half_computes_what_the_program_of_the_generator_does(generator_file: Path, upper: Generator):
    """The first layer, by the formulas of that program: scales, then a division by the root of the fan-in."""
    generator = FaceGenerator(generator_file, 2)
    generator.load_upper_half(upper)
    tensors = {name.removeprefix("synthesis.layers.3."): value for name, value in generator.tensors.items()}
    x, code = torch.randn(1, 4, 64, 64), torch.randn(1, 8)
    style = code @ tensors["conv1.conv.modulation.weight"].T + tensors["conv1.conv.modulation.bias"]
    y = x * style[:, :, None, None] / (4 * 9) ** 0.5
    y = torch.conv2d(y, tensors["conv1.conv.weight_dw"], padding=1, groups=4)
    y = torch.conv2d(y, tensors["conv1.conv.weight_pw"]) + tensors["conv1.noise"] + tensors["conv1.bias"]
    expected = torch.nn.functional.leaky_relu(y, 0.2)
    with torch.no_grad():
        computed = upper.layers[0](x, code, upper.layers[0].noise)
    torch.testing.assert_close(computed, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lacking", ["w_mean", "synthesis.layers.4.to_img.bias", "synthesis.layers.0.conv1.noise"])
def test_a_file_that_lacks_something_is_refused_by_name(
    generator_file: Path, upper: Generator, tmp_path: Path, lacking: str
):
    tensors = torch.load(generator_file, weights_only=True)
    del tensors[lacking]
    path = tmp_path / "part.pt"
    torch.save(tensors, path)
    with pytest.raises(WrongModel, match=r"part\.pt"):
        generator = FaceGenerator(path, 2)
        generator.load_upper_half(upper)
        generator.draw(upper, 1, torch.Generator().manual_seed(1))
