"""Bicubic enlargement as a convolution is torch's own, and stands in for it where a network is traced."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grain_codec.portable.enlargement import EnlargesByConvolution, enlarged


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_it_is_bicubic_interpolation(factor: int):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 12, 16)
    expected = F.interpolate(x, (12 * factor, 16 * factor), mode="bicubic", align_corners=False)
    assert torch.allclose(enlarged(x, factor), expected, atol=2e-6)


def operations(size: tuple[int, int], **options: object) -> set[str]:
    """The operations that a network which only interpolates 8x8 pixels is traced to."""

    class Interpolating(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.interpolate(x, size, **options)

    with EnlargesByConvolution():
        traced = torch.export.export(Interpolating(), (torch.rand(1, 3, 8, 8),))
    return {str(node.target) for node in traced.graph.nodes if node.op == "call_function"}


def test_it_replaces_bicubic_interpolation_by_whole_factors_alone():
    assert "aten.conv2d.default" in operations((32, 32), mode="bicubic")
    for size, options in (
        ((12, 12), {"mode": "bicubic"}),
        ((32, 16), {"mode": "bicubic"}),
        ((4, 4), {"mode": "bicubic", "antialias": True}),
        ((32, 32), {"mode": "bicubic", "align_corners": True}),
        ((32, 32), {"mode": "nearest"}),
    ):
        assert "aten.conv2d.default" not in operations(size, **options)
