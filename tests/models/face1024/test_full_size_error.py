"""The error of the full-size picture, computed on the view."""

import pytest
import torch
import torch.nn.functional as F

from grain_codec.models.face1024.full_size_error import FullSizeError


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    """A rough picture `[1, 3, 256, 256]`."""
    return torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))


def test_it_is_that_of_the_enlarged_view(image: torch.Tensor):
    views = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    enlarged = F.interpolate(views, (256, 256), mode="bicubic", align_corners=False)
    expected = (enlarged - image).square().flatten(1).sum(1)
    torch.testing.assert_close(FullSizeError(image, 64)(views), expected, rtol=1e-4, atol=0)


def test_small_errors_are_as_exact(image: torch.Tensor):
    view = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    enlarged = F.interpolate(view, (256, 256), mode="bicubic", align_corners=False)
    assert float(FullSizeError(enlarged, 64)(view)) == pytest.approx(0, abs=1e-3)
    torch.testing.assert_close(
        FullSizeError(enlarged, 64)(view + 0.01), torch.tensor([3 * 256**2 * 1e-4]), rtol=1e-3, atol=0
    )
